# probe_file PATH OWNED: what is at a path, and its digest; where the spec says an owner, whose group it is, and
# what the account could give it to.
probe_file() {
  path_facts "$1"
  if [ -n "$2" ]; then say groups "$(id -G -n)"; fi
  [ "$KIND" = file ] || return 0
  if [ -n "$2" ]; then say group "$(stat -L -c %G -- "$P")"; fi
  if [ -r "$P" ] && need sha256sum && digest=$(sha256sum <"$P"); then say sha256 "${digest%% *}"; fi
}
