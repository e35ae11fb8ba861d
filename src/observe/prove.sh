# The installed client's own list of topics, in a fresh login shell of the account. It only reads,
# and leaves nothing: no log folder, no performance data, no report of a crash, no process.

# prove SECONDS TOOL BROKERS PROPERTIES. The words of start files come before `MARK begin`, the
# client's own after it, on both streams.
prove() {
  seconds=$1 brokers=$3
  at "$2"; tool=$R
  at "$4"; file=$R
  # The far end closes stdin when it goes, however it goes.
  exec 3<&0
  # KAFKA_LOG4J_OPTS could name files, and a default of LOG_DIR is made in Kafka's home.
  ask='m=$TRUEUP_MARK; set -- "$TRUEUP_TOOL" --list --bootstrap-server "$TRUEUP_BROKERS"
    if [ -n "$TRUEUP_FILE" ]; then set -- "$@" --command-config "$TRUEUP_FILE"; fi
    unset TRUEUP_MARK TRUEUP_ASK TRUEUP_TOOL TRUEUP_BROKERS TRUEUP_FILE KAFKA_LOG4J_OPTS
    LOG_DIR=/tmp KAFKA_OPTS="${KAFKA_OPTS-} -XX:-UsePerfData -XX:ErrorFile=/dev/null"; export LOG_DIR KAFKA_OPTS
    ulimit -c 0 2>/dev/null
    printf "\n%s begin\n" "$m"; printf "\n%s begin\n" "$m" >&2
    exec "$@"'
  with_environment prove_run
}

# prove_run NAME=VALUE…: in the environment of a login, nothing but what passwd and these say.
prove_run() {
  env -i PATH="$ASKED_PATH" TERM="${TERM:-dumb}" "$@" HOME="$HOME" USER="$ACCOUNT" LOGNAME="$ACCOUNT" \
    SHELL="$ACCOUNT_SHELL" TRUEUP_MARK="$MARK" TRUEUP_ASK="$ask" TRUEUP_TOOL="$tool" \
    TRUEUP_BROKERS="$brokers" TRUEUP_FILE="$file" \
    setsid "$ACCOUNT_SHELL" -l -i -c 'exec /bin/sh -c "$TRUEUP_ASK"' </dev/null 3<&- &
  session=$!
  (
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep "$seconds" >/dev/null 2>&1 & nap=$!
    wait "$nap"
    printf '\n%s late\n' "$MARK"
    session_kill "$session"
  ) 3<&- &
  watchdog=$!
  ( read -r _ <&3; session_kill "$session"; kill "$watchdog" 2>/dev/null ) &
  listener=$!
  { wait "$session"; } 2>/dev/null
  status=$?
  kill "$watchdog" "$listener" 2>/dev/null
  { wait "$watchdog" "$listener"; } 2>/dev/null
  session_kill "$session"
  printf '\n%s end %s\n' "$MARK" "$status" >&2
  printf '\n%s end %s\n' "$MARK" "$status"
}

# Kills every process of a session: field 6 of /proc/PID/stat, counted after the name's bracket.
session_kill() {
  for stat in /proc/[0-9]*/stat; do
    { read -r words <"$stat"; } 2>/dev/null || continue
    pid=${words%% *}
    words=${words##*) }
    # shellcheck disable=SC2086  # numbers
    set -- "$1" $words
    if [ "$5" = "$1" ]; then kill -s KILL "$pid" 2>/dev/null; fi
  done
}
