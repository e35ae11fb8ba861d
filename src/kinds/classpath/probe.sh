probe_classpath() {
  start_file "$1"
  path_facts "$FILE"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
  grep -n -s CLASSPATH -- /etc/environment /etc/profile /etc/profile.d/*.sh /etc/bashrc /etc/bash.bashrc "$HOME/.bash_profile" \
    "$HOME/.bash_login" "$HOME/.profile" "$HOME/.bashrc" "$HOME/.bash_aliases" | head -n 50 |
    while IFS= read -r line; do say line "$line"; done
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
  if [ "$first" != "$wanted" ]; then start_file_end "$FILE"; fi
  # Last, because a pipe's records would otherwise be told apart by nothing.
  say classpath "$L_CLASSPATH"
}
