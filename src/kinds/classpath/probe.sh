probe_classpath() {
  case $1 in /*) FILE=$1 ;; *) start_file "$1" ;; esac
  path_facts "$FILE"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
  start_lines CLASSPATH
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
  # Last, because a pipe's records would otherwise be told apart by nothing.
  say classpath "$L_CLASSPATH"
}
