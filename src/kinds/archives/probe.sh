# probe_archive TO START END TOOL DEEP: what is at a folder, which files of a tree of ours are not as unpacked, and
# where it is to be replaced (the label starts and ends otherwise, too), which are not of its archive.
probe_archive() {
  if [ -n "$4" ] && ! command -v "$4" >/dev/null 2>&1; then say step_lacks "$4"; fi
  path_facts "$1"
  [ "$KIND" = dir ] || return 0
  cd -- "$P" 2>/dev/null && [ -r . ] || { say closed yes; return 0; }
  if is_empty; then say empty yes; return 0; fi
  [ -r .trueup/manifest ] && manifest_facts '' "$5" || return 0
  case $line in "# trueup manifest 1: $2"*"$3") [ -n "$differs" ] || return 0 ;; esac
  need find || return 0
  find . -type f ! -path './.trueup/*' -print 2>/dev/null |
    awk '{ name = $0 }
      part == 1 { sub(/^[^ ]+ [^ ]+ /, "", name); own[name] = 1; next }
      { sub(/^\.\//, "", name) }
      !(name in own) { print name }' part=1 .trueup/manifest part=2 - |
    while IFS= read -r line; do say extra "$line"; done
}
