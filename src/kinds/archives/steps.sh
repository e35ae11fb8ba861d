# step_extract STAGE ARCHIVE TO STRIP LABEL: unpacks STAGE/ARCHIVE, leaves out its STRIP upper folders, and puts the
# tree at TO: where nothing stands, or in the place of an older one of ours. LABEL goes into the manifest.
step_extract() {
  place=$1 archive=$2 to=$3 strip=$4 label=$5
  unfold '' "${label##* }" "$to"
  while [ "$strip" -gt 0 ]; do strip=$((strip - 1)); lower; done
  enter tree
  if [ -e .trueup ] || [ -L .trueup ]; then fail "the archive holds something of trueup's: .trueup"; fi
  below=; [ "$4" = 0 ] || below=" below $4 folders"
  [ -n "$(find . -type f -print | head -n 1)" ] || fail "the archive holds no file$below"
  write_manifest "${label%:*}:$got" 1
  # What is begun here is brought to its end.
  trap '' TERM
  if [ -L "$to" ]; then fail "$to is a link"; fi
  if ! is_free "$to"; then
    line=; { IFS= read -r line <"$to/.trueup/manifest"; } 2>/dev/null
    case $line in '# trueup manifest 1: '*' strip:'*) ;; *) fail "$to is of no archive of trueup's" ;; esac
    mv -T -- "$to" ../old || fail "cannot move $to away"
  fi
  mv -T -- "../$whole" "$to" || {
    if [ -d ../old ]; then mv -T -- ../old "$to"; fi
    fail "cannot move the tree to $to"
  }
  flush "${to%/*}/" || fail "cannot write to the disk what is in ${to%/*}"
  cd "${to%/*}/" && away "$place" || fail "cannot remove $place"
}

# Leaves out the upper folders, and what lies beside them, as tar's `--strip-components` does; unzip has no such
# option, and tar counts a `./` before a name.
lower() {
  set --
  for folder in tree/* tree/.[!.]* tree/..?*; do
    if [ -d "$folder" ] && [ ! -L "$folder" ]; then set -- "$@" "$folder"; fi
  done
  if [ "$#" = 1 ]; then
    mv -T -- "$1" next || fail_in "$place" "cannot write in $place"
  else
    mkdir -m 755 next || fail_in "$place" "cannot write in $place"
    for folder; do
      for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
        if [ ! -e "$entry" ] && [ ! -L "$entry" ]; then continue; fi
        name=${entry##*/}
        if [ -e "next/$name" ] || [ -L "next/$name" ]; then fail "the archive holds $name in several of its folders"; fi
        mv -T -- "$entry" "next/$name" || fail_in "$place" "cannot write in $place"
      done
    done
  fi
  away tree && mv -T next tree || fail_in "$place" "cannot write in $place"
}
