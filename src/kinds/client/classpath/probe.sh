probe_classpath_ahead() {
  blocks_ahead CLASSPATH "$1"
  CLASSPATH_LINES=$S
  for one in /etc/environment /etc/profile /etc/profile.d/*.sh /etc/bashrc /etc/bash.bashrc "$HOME/.bash_profile" \
    "$HOME/.bash_login" "$HOME/.profile" "$HOME/.bashrc" "$HOME/.bash_aliases"; do
    if [ -f "$one" ] && [ -r "$one" ]; then CLASSPATH_LINES=$CLASSPATH_LINES$NEWLINE$one; fi
  done
  export CLASSPATH_LINES
  SWEEP=$SWEEP'BEGIN {
    count = split(ENVIRON["CLASSPATH_LINES"], files, "\n"); section = files[1]
    for (i = 2; i <= count; i++) {
      for (number = 1; (getline text < files[i]) > 0; number++)
        if (index(text, "CLASSPATH") && found++ < 50) say("line", files[i] ":" number ":" text)
      close(files[i])
    }
  }'
}
probe_classpath() {
  case $1 in /*) FILE=$1 ;; *) start_file "$1" ;; esac
  case $1 in /etc/profile.d/*) profile_read ;; esac
  left_blocks CLASSPATH
  path_facts "$FILE"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
  # Of root's look nothing was learnt ahead.
  case $1 in /*) start_lines CLASSPATH ;; esac
  at "$2"; resolve "$R"; wanted=$R; say wanted "$R"
  first=
  rest=$L_CLASSPATH:
  set -f
  while [ -n "$rest" ]; do
    entry=${rest%%:*}; rest=${rest#*:}
    case $entry in
      */aws-msk-iam-auth*.jar) resolve "$entry"; say jar "$entry$NEWLINE$R"; first=${first:-$R} ;;
      */\*|\*)
        set +f
        for jar in "${entry%\*}"aws-msk-iam-auth*.jar; do
          if [ -f "$jar" ]; then resolve "$jar"; say jar "$entry$NEWLINE$R"; first=${first:-several}; fi
        done
        set -f ;;
    esac
  done
  set +f
  case $1 in /*) ;; *) if [ "$first" != "$wanted" ]; then start_file_end "$FILE"; fi ;; esac
  # Last, because a pipe's records would otherwise look like those of others.
  say classpath "$L_CLASSPATH"
}
