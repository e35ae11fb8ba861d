# Archives: what could lead out of one is refused before it is unpacked, and nothing but the stage is written
# until the tree is whole.

# step_unpack STAGE ARCHIVE TOP HOME LABEL: unpacks STAGE/ARCHIVE, whose one folder is TOP, and
# brings it to HOME: renamed where nothing stands, else file by file where files are damaged or
# missing. LABEL (the archive's name and digest) goes into the manifest.
step_unpack() {
  place=$1 archive=$2 top=$3 home=$4 label=$5
  unfold "$top" "${label##* }" "$home"
  [ -d "tree/$top" ] && [ ! -L "tree/$top" ] || fail "the archive holds no $top"
  enter "tree/$top"
  for name in bin/kafka-run-class.sh bin/kafka-topics.sh "libs/$top.jar" "libs/kafka-clients-${top#*-}.jar"; do
    [ -f "$name" ] || fail "the archive holds no Kafka: there is no $top/$name in it"
  done
  write_manifest "$label" 4
  if is_free "$home"; then
    mv -T -- "../$whole" "$home" || fail "cannot move the tree to $home"
    flush "${home%/*}" || fail "cannot write to the disk what is in ${home%/*}"
    report placed tree
  else
    repaired=0
    while IFS= read -r line; do
      case $line in \#*) continue ;; esac
      name=${line#* }; name=${name#* }
      case $name in
        libs/*) if cmp -s -- "$name" "$home/$name"; then continue; fi ;;
        bin/*)
          if [ -f "$home/$name" ] && [ -x "$name" ] && [ ! -x "$home/$name" ]; then
            chmod a+x -- "$home/$name" || fail "cannot make $home/$name executable"
            repaired=$((repaired + 1))
          fi
          if [ -e "$home/$name" ]; then continue; fi ;;
        *) if [ -e "$home/$name" ]; then continue; fi ;;
      esac
      bring "$name"
      repaired=$((repaired + 1))
    done <.trueup/manifest
    bring .trueup/manifest
    report repaired "$repaired"
  fi
  cd "${home%/*}/" && away "$place" || fail "cannot remove $place"
}

# Is nothing at a path, or an empty folder whose place we can take?
is_free() {
  [ ! -e "$1" ] || { [ -d "$1" ] && [ -z "$(ls -A -- "$1")" ] && [ -w "${1%/*}/" ]; }
}

# unfold TOP ALGORITHM:DIGEST TO: unpacks the staged archive into `tree` beside it: if these are the very bytes
# that were checked (`unpinned` takes any; GOT is their digest), if all of it is below TOP (an empty one
# takes any), if nothing leads out of it, and if there is room. TO is where it belongs.
unfold() {
  cd -- "$place" && mine || fail "somebody else is at work in ${place%/*}"
  got=$("${2%%:*}sum" <"$archive") && got=${got%% *} || fail "${2%%:*}sum cannot read the archive in $place"
  case ${2#*:} in unpinned|"$got") ;; *) fail "the archive is not the one that was checked" ;; esac
  # GNU's tar sees by itself how it is packed, busybox's does not.
  packed=; case $archive in *.tgz) packed=-z ;; esac
  mkdir -m 755 tree || fail_in "$place" "cannot write in $place"
  output=$(list_archive 2>&1) || {
    printf '%s\n' "$output" >&2
    why=$(unwritable "$place/list" "$place/names")
    case $why$output in *"write error"*|*list:*|*names:*) fail_in "$place" "cannot write ${why:-in $place}" ;; esac
    fail_in "$place" "the archive in $place cannot be read"
  }
  # Verified before unpacking. (Owners as numbers: a name could look like the rest of a line.)
  wrong=$(archive_faults list names "$1")
  [ -z "$wrong" ] || fail "the archive $wrong"
  column=3; case $archive in *.zip) column=4 ;; esac
  size=$(awk -v column="$column" '{ bytes += $column } END { printf "%d", bytes / 1024 + 1 }' list)
  free=$(free_kib .)
  [ "$free" -gt "$size" ] || fail "no room in ${3%/*}: the tree takes $(mib "$size"), $(mib "$free") are free beside its archive"
  output=$( ( umask 022; unpack_archive ) 2>&1 ) || {
    # The first says why, the others what followed from it.
    printf '%s\n' "$output" | head -n 3 >&2
    fail_in "$place" "cannot unpack in $place" "the tree takes $(mib "$size"), $(mib "$free") were free"
  }
  rm -f -- "$archive"
  # Root unpacks what the archive says; and what its owner may not change could not be repaired.
  chmod -R u+rwX,u-s,g-s,go-w tree || fail "cannot set the modes of $place/tree"
}

# The list of an archive as `ls -l` has it, and its names. unzip leaves out the head where names are asked for.
list_archive() {
  if [ "${archive%.zip}" = "$archive" ]; then
    # Side by side: to unpack it is what takes the time.
    tar ${packed:+"$packed"} --numeric-owner -tvf "$archive" >list & listing=$!
    tar ${packed:+"$packed"} -tf "$archive" >names; named=$?
    wait "$listing" && [ "$named" = 0 ]
  else
    unzip -Z -s "$archive" '*' >list && unzip -Z -1 "$archive" >names
  fi
}

unpack_archive() {
  if [ "${archive%.zip}" = "$archive" ]; then
    tar ${packed:+"$packed"} -xf "$archive" -C tree --no-same-owner --no-same-permissions
  else
    # Names are UTF-8 there, and elsewhere it would write them in letters of its own.
    LC_ALL=C.UTF-8 unzip -q -o "$archive" -d tree
  fi
}

# enter FOLDER: gives what was unpacked a name that nobody could know, WHOLE, and goes there: a link that leads out
# and in again, by the old one, leads out.
enter() {
  whole=$(mktemp -d ./XXXXXX) || fail_in "$place" "cannot write in $place"
  mv -T -- "$1" "$whole" || fail_in "$place" "cannot write in $place"
  links_stay_inside "$whole" || fail "the archive holds links that lead out of it"
  cd -- "$whole" || fail "cannot come into $place/$whole"
}

# write_manifest LABEL LEAST: of the tree where we are, which has at least so many files.
write_manifest() {
  mkdir -m 755 .trueup || fail_in "$place" "cannot write in $place"
  # A link to a file counts as what it leads to; one to a folder is no file of the manifest.
  {
    find . ! -type d ! -path './.trueup/*' -print | LC_ALL=C sort | while IFS= read -r name; do
      if [ -f "$name" ]; then printf '%s\n' "$name" || exit 1; fi
    done >../files &&
    tr '\n' '\0' <../files | xargs -0 sha256sum -- >../digests &&
    tr '\n' '\0' <../files | xargs -0 stat -L -c %s -- >../sizes &&
    printf '# trueup manifest 1: %s\n' "$1" &&
    awk '
      part < 3 { value[part, FNR] = $1; next }
      # Before the digest of a name with a backslash stands one, too.
      { sub(/^\\/, "", value[1, FNR]); print value[1, FNR], value[2, FNR], substr($0, 3) }
    ' part=1 ../digests part=2 ../sizes part=3 ../files
  } >.trueup/manifest || {
    why=$(unwritable "$PWD/.trueup/manifest")
    fail_in "$place" "cannot write the manifest, ${why:-in $place}"
  }
  # Whatever is missing on the host, or was killed: without its lines no damage would ever be seen.
  files=$(find . -type f ! -path './.trueup/*' -print | grep -c .)
  [ "$files" -ge "$2" ] && [ "$(grep -c '^[0-9a-f]' .trueup/manifest)" -ge "$files" ] || fail "the manifest in $place came out short"
  chmod 644 .trueup/manifest || fail "cannot set the modes of the tree in $place"
  sync
}

# archive_faults LIST NAMES TOP: what is wrong with an archive, if anything, from tar's long list of
# it and its names, which have a line an entry each. An entry may be a file, a folder or a link; all
# lie in one folder (an empty TOP: anywhere, also with `./` before), none below a link, and a hard link leads
# to an entry of the archive. (Where a symbolic link leads is asked once they lie there: nothing was
# written through one.) GNU's tar escapes newlines, and shows a hard link as `h… NAME link to TARGET`;
# busybox has `-… NAME -> TARGET`.
archive_faults() {
  awk -v top="$3" '
    function wrong(text) { if (!said) { print text; said = 1 } }
    function straight(path) {
      if (top == "") { while (sub(/^\.\/+/, "", path)) { } }
      return top == "" && path == "." ? "" : path
    }
    # The type of each entry, then its name.
    part == 1 { kind[FNR] = substr($0, 1, 1); line[FNR] = $0; count = FNR; next }
    { shown[FNR] = $0; sub(/\/+$/, "", shown[FNR]); name[FNR] = straight(shown[FNR]); names = FNR }
    END {
      if (count != names) wrong("cannot be read: its names hold newlines")
      if (!count) wrong("is empty")
      for (at = 1; at <= names; at++) {
        path = name[at]
        if (path ~ /\\n/) wrong("cannot be read: its names hold newlines")
        if (path ~ /^\// || path ~ /(^|\/)\.\.(\/|$)/ || path ~ /\/\// || path ~ /(^|\/)\.(\/|$)/) wrong("points outside of itself: " path)
        else if (top != "" && path != top && index(path, top "/") != 1) wrong("holds something else than " top ": " path)
        if (top != "" && (path == top "/.trueup" || index(path, top "/.trueup/") == 1)) wrong("holds something of trueup\047s: " path)
        if (kind[at] !~ /[-dlh]/) wrong("holds a device or the like: " path)
        if (path == "" && kind[at] != "d") wrong("points outside of itself: " shown[at])
        if (kind[at] == "l") link[path] = 1
        entry[path] = 1
      }
      for (at = 1; at <= names; at++) {
        parts = split(name[at], part_of, "/"); path = part_of[1]
        for (step = 2; step <= parts; step++) {
          if (path in link) wrong("has a file below a link: " name[at])
          path = path "/" part_of[step]
        }
        plain = substr(line[at], length(line[at]) - length(shown[at])) == " " shown[at]
        if (kind[at] == "h" || (kind[at] == "-" && !plain)) {
          between = kind[at] == "h" ? " link to " : " -> "
          found = index(line[at], " " shown[at] between)
          target = straight(substr(line[at], found + 1 + length(shown[at] between)))
          if (!found || !(target in entry) || target in link) wrong("has a link to what is not in it: " name[at])
        }
      }
    }' part=1 "$1" part=2 "$2"
}

# links_stay_inside FOLDER: whether each symbolic link in it leads to something in it. Its list lies where
# we are.
links_stay_inside() {
  inside=$(readlink -f -- "$1")
  find "$1" -type l -print >links || fail_in "$place" "cannot write in $place"
  while IFS= read -r link; do
    case $(readlink -f -- "$link") in "$inside"/*) ;; *) return 1 ;; esac
  done <links
}

# One file of the fresh tree into the home, by rename within the home's file system.
bring() {
  folder=$home/$1; folder=${folder%/*}
  ( umask 022; mkdir -p -- "$folder" ) || fail_in "$home" "cannot make $folder"
  if [ -d "$home/$1" ]; then fail "$home/$1 is a folder"; fi
  part=$folder/.trueup-${1##*/}
  trap 'rm -f -- "$part"' EXIT
  rm -f -- "$part"
  cp -p -- "$1" "$part" && flush "$part" && mv -f -T -- "$part" "$home/$1" ||
    fail_in "$folder" "cannot write $home/$1"
}
