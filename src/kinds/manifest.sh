# manifest_facts PREFIX DEEP: of the tree where we are: the manifest's first LINE, and what DIFFERS: files that are
# missing, and of those whose names begin with PREFIX the ones that have another size; with `deep`, other bytes.
manifest_facts() {
  [ "$2" != deep ] || need sha256sum || return 1
  manifest_label || return
  # Sizes as they are, then the manifest: one pass of awk names what differs.
  differs=$(
    sed -n 's/^[0-9a-f]\{64\} [0-9]* //p' .trueup/manifest | tr '\n' '\0' |
      xargs -0 stat -L -c '%s %n' -- 2>/dev/null |
      awk -v of="$1" '{ name = $0 }
        part == 1 { sub(/^[^ ]+ /, "", name); size[name] = $1; next }
        /^#/ { next }
        { lines++ }
        { sub(/^[^ ]+ [^ ]+ /, "", name) }
        !(name in size) { print "missing " name; next }
        name ~ "^" of && size[name] != $2 { print "damaged " name }
        END { if (!lines) print "damaged .trueup/manifest" }' part=1 - part=2 .trueup/manifest
    if [ "$2" = deep ]; then
      sed -n "s|^\([0-9a-f]\{64\}\) [0-9]* \($1.*\)|\1  \2|p" .trueup/manifest | sha256sum -c 2>/dev/null |
        sed -n 's/^\(.*\): FAILED$/damaged \1/p'
    fi
  )
  [ -z "$differs" ] || printf '%s\n' "$differs" | while IFS= read -r line; do say "${line%% *}" "${line#* }"; done
}
# Its first LINE, where the tree can be compared with it.
manifest_label() {
  need sed tr xargs stat awk || return
  read -r line <.trueup/manifest; say manifest "${line#\# trueup manifest }"
}

# Is nothing where we are?
is_empty() {
  for name in * .[!.]* ..?*; do if [ -e "$name" ] || [ -L "$name" ]; then return 1; fi; done
}
