probe_kafka_ahead() {
  at "$1"
  [ "$4" != deep ] && [ -f "$R/.trueup/manifest" ] || return 0
  TREE_HOME=$R; export TREE_HOME
  SWEEP=$SWEEP'BEGIN {
    home = ENVIRON["TREE_HOME"] "/"; count = split(ENVIRON["TREE"], files, "\n")
    for (i = 1; i <= count; i++) {
      if (!(start = index(files[i], "/" home))) continue
      split(files[i], words, " "); sizes[substr(files[i], start + 1 + length(home))] = words[4]
    }
    while ((getline text < (home ".trueup/manifest")) > 0) {
      if (text ~ /^#/) continue
      lines++; split(text, words, " "); sub(/^[^ ]+ [^ ]+ /, "", text)
      if (!(text in sizes) || text ~ /^libs\// && sizes[text] != words[2]) odd = 1
    }
    if (!lines) odd = 1
  }'
}
probe_kafka() {
  core=libs/$2 clients=libs/$3 deep=$4
  path_facts "$1"
  shift 4
  if [ "$deep" = deep ]; then url=$1 digest=$2; shift 2; fi
  for sibling in "${P%/*}"/kafka_*; do
    if [ -d "$sibling" ] && [ "$sibling" != "$P" ]; then say sibling "$sibling"; fi
  done
  [ "$KIND" = dir ] || { room "$folder"; return 0; }
  cd -- "$P" 2>/dev/null || { say closed yes; return 0; }
  if is_empty; then say empty yes; room .; return 0; fi
  for inner in bin libs; do
    if [ -d "$inner" ] && { [ ! -r "$inner" ] || [ ! -x "$inner" ]; }; then say closed yes; return 0; fi
  done
  for name in bin/kafka-run-class.sh bin/kafka-topics.sh; do
    if [ ! -f "$name" ]; then say lost "$name"; elif [ ! -x "$name" ]; then say not_executable "$name"; fi
  done
  for wanted; do
    there=
    # shellcheck disable=SC2086  # a pattern of ours
    for jar in $wanted; do if [ -f "$jar" ]; then there=yes; fi; done
    if [ -z "$there" ]; then say lost "$wanted"; fi
  done
  for jar in "$core" "$clients"; do if [ -f "$jar" ]; then say version_jar "$jar"; else say no_version_jar "$jar"; fi; done
  if [ -r .trueup/manifest ]; then
    if [ "$deep" = deep ] || [ -n "$ODD" ]; then manifest_facts libs/ "$deep"; else manifest_label; fi
  else
    need tail od grep || return 0
    set --
    # The auth jar is a resource of its own.
    for jar in libs/*.jar; do case $jar in libs/aws-msk-iam-auth*) ;; *) if [ -f "$jar" ]; then set -- "$@" "$jar"; fi ;; esac; done
    if [ "$#" -gt 0 ] && [ "$(tail -q -c 22 -- "$@" | od -An -v -tx1 -w22 | grep -c '^ 50 4b 05 06')" != "$#" ]; then
      for jar in "$@"; do ends_as_zip "$jar" || say damaged "$jar"; done
    fi
    if [ "$deep" = deep ] && { [ -f "$core" ] || [ -f "$clients" ]; }; then archive_facts; fi
  fi
}
# Compares with the archive, which is read as it comes and kept nowhere: prints what differs as the
# manifest would, its sha512, and how the download failed, if it did.
archive_facts() {
  need tar gzip tee sed sha256sum sha512sum || return 0
  { { { archive_get || say_plain failed "$?"; } | tee /proc/self/fd/4 2>/dev/null | gzip -d -c 2>/dev/null |
        tar -xf - --to-command='h=$(sha256sum) && printf "file %s  %s\n" "${h%% *}" "${TAR_FILENAME#*/}"' 2>/dev/null >&3
      } 4>&1 | sha512sum | sed 's/^\([0-9a-f]*\).*/sum \1/' >&3
  } 3>&1 | {
    sums=; names=0
    while IFS= read -r line; do
      case $line in
        "sum "*) say archive_sha512 "${line#sum }" ;;
        "failed "*) say archive_unread "${line#failed }" ;;
        "file "*)
          names=$((names + 1)); sum=${line#file }; line=${line#file *  }
          case $line in libs/*) sums=$sums$sum$NEWLINE; continue ;; esac
          if [ ! -e "$line" ]; then say archive_missing "$line"; fi ;;
      esac
    done
    say archive_files "$names"
    printf %s "$sums" | sha256sum -c 2>/dev/null | sed -n 's/: FAILED.*//p' | while IFS= read -r name; do
      if [ -e "$name" ]; then say archive_damaged "$name"; else say archive_missing "$name"; fi
    done
  }
}
say_plain() { printf '%s %s\n' "$1" "$2" >&3; }
archive_get() {
  only=http,https; [ -n "$digest" ] || only=https
  case $digest$url in ?*file:*) only=$only,file ;; esac
  if command -v curl >/dev/null 2>&1; then
    curl -f -s -L --max-time "$LOOK_SECONDS" --proto "=$only" --proto-redir "=${only%,file}" -- "$url" 2>/dev/null
  elif [ -n "$digest" ] && command -v wget >/dev/null 2>&1; then
    timeout "$LOOK_SECONDS" wget -q -t 1 -O - -- "$url" 2>/dev/null
  else
    return 1
  fi
}
