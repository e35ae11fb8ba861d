# The installed client's own list of topics, in a fresh terminal of the account. It only reads, and
# leaves nothing: no log folder, no performance data, no report of a crash, no process.

# prove SECONDS TOOL BROKERS PROPERTIES. What comes before `MARK begin` is not the client's, on both
# streams.
prove() {
  seconds=$1 brokers=$3
  at "$2"; tool=$R
  at "$4"; file=$R
  # The far end closes stdin when it goes, however it goes.
  exec 3<&0
  LOOK_LISTENS=yes
  # Pipes: what sshd gives could be sockets, which nobody else can open.
  { login_look "$PROVE_QUESTION" '-l -i' "$seconds" "TRUEUP_TOOL=$tool" "TRUEUP_BROKERS=$brokers" "TRUEUP_FILE=$file" \
    2>&1 >&4 4>&- | cat >&2; } 4>&1 | cat
  # Where the client was ended, it did not say so itself.
  printf '\n%s end 143\n' "$MARK" >&2
  printf '\n%s end 143\n' "$MARK"
}

# KAFKA_LOG4J_OPTS could name files, and a default of LOG_DIR is made in Kafka's home.
PROVE_QUESTION='exec </dev/null >"$TRUEUP_OUT" 2>"$TRUEUP_ERR" || exit
mark=$TRUEUP_MARK; set -- "$TRUEUP_TOOL" --list --bootstrap-server "$TRUEUP_BROKERS"
if [ -n "$TRUEUP_FILE" ]; then set -- "$@" --command-config "$TRUEUP_FILE"; fi
unset TRUEUP_MARK TRUEUP_ASK TRUEUP_OUT TRUEUP_ERR TRUEUP_TOOL TRUEUP_BROKERS TRUEUP_FILE KAFKA_LOG4J_OPTS
LOG_DIR=/tmp KAFKA_OPTS="${KAFKA_OPTS-} -XX:-UsePerfData -XX:ErrorFile=/dev/null"; export LOG_DIR KAFKA_OPTS
ulimit -c 0 2>/dev/null
printf "\n%s begin\n" "$mark"; printf "\n%s begin\n" "$mark" >&2
"$@"; status=$?
printf "\n%s end %s\n" "$mark" "$status" >&2; printf "\n%s end %s\n" "$mark" "$status"'
