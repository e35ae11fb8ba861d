NEWLINE='
'
# What a fresh terminal of this account sees. The left half of a pipe: the shell's start files run
# while the right half reads everything else.
login_ask() {
  # /etc/environment as pam_env reads it: KEY=VALUE, an optional `export`, optional quotes.
  set --
  if [ -r /etc/environment ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      line=${line#export }
      case $line in ''|\#*|[!A-Za-z_]*) continue ;; *=*) ;; *) continue ;; esac
      value=${line#*=}
      case $value in \"*\") value=${value#\"}; value=${value%\"} ;; \'*\') value=${value#\'}; value=${value%\'} ;; esac
      set -- "$@" "${line%%=*}=$value"
    done </etc/environment
  fi
  login_try '-l -i' "$@"
}

# One try with some flags: prints what the shell said, ending in `MARK end` or `MARK late`.
login_try() {
  flags=$1; shift
  # Asked by a child of the login shell, so that only what is exported counts.
  ask='printf "\n%s classpath\n%s\n%s java_home\n%s\n%s java\n%s\n%s end\n" "$TRUEUP_MARK" "${CLASSPATH-}" "$TRUEUP_MARK" "${JAVA_HOME-}" "$TRUEUP_MARK" "$(command -v java)" "$TRUEUP_MARK"'
  # A session of its own: interactive bash makes process groups and ignores SIGTERM, so the whole
  # session is what gets killed.
  # shellcheck disable=SC2086  # flags are words
  env -i PATH="$ASKED_PATH" TERM="${TERM:-dumb}" "$@" HOME="$HOME" USER="$ACCOUNT" LOGNAME="$ACCOUNT" \
    SHELL="$ACCOUNT_SHELL" TRUEUP_MARK="$MARK" TRUEUP_ASK="$ask" \
    setsid "$ACCOUNT_SHELL" $flags -c 'exec /bin/sh -c "$TRUEUP_ASK"' </dev/null 2>/dev/null &
  session=$!
  (
    trap 'kill "$nap" 2>/dev/null; exit 0' TERM
    sleep 5 >/dev/null 2>&1 & nap=$!
    wait "$nap"
    # Said before the kill: the death of the session ends this watchdog, too.
    printf '\n%s late\n' "$MARK"
    session_kill "$session"
  ) &
  watchdog=$!
  # The shell would tell of a killed job.
  { wait "$session"; } 2>/dev/null
  kill "$watchdog" 2>/dev/null
  wait "$watchdog" 2>/dev/null
  session_kill "$session"
  printf '\n%s over\n' "$MARK"
}

# Kills every process of a session: field 6 of /proc/PID/stat, counted after the name's bracket.
session_kill() {
  for stat in /proc/[0-9]*/stat; do
    { read -r words <"$stat"; } 2>/dev/null || continue
    pid=${words%% *}
    words=${words##*) }
    # shellcheck disable=SC2086  # numbers
    set -- "$1" $words
    if [ "$5" = "$1" ]; then kill -KILL "$pid" 2>/dev/null; fi
  done
}

# Reads what login_ask printed, once, into L_CLASSPATH, L_JAVA_HOME, L_JAVA and L_STATE.
login_read() {
  L_CLASSPATH= L_JAVA_HOME= L_JAVA= L_STATE= field=
  while IFS= read -r line; do
    case $line in
      "$MARK end") L_STATE=seen; break ;;
      "$MARK late") L_STATE=late; break ;;
      "$MARK over") break ;;
      "$MARK "*) field=${line#"$MARK "} ;;
      *)
        case $field in
          classpath) L_CLASSPATH=$L_CLASSPATH$line ;;
          java_home) L_JAVA_HOME=$L_JAVA_HOME$line ;;
          java) L_JAVA=$L_JAVA$line ;;
        esac ;;
    esac
  done
}

# Reads the login shell's answer from stdin; asks once more without -i when there was none.
login_facts() {
  login_read
  if [ "$L_STATE" != seen ]; then
    first=$L_STATE
    # No here-document: the oldest bash makes a file for it.
    again=$(login_try -l | { login_read; printf '%s\n%s\n%s\n%s' "$L_STATE" "$L_JAVA_HOME" "$L_JAVA" "$L_CLASSPATH"; })
    L_STATE=${again%%"$NEWLINE"*}; again=${again#*"$NEWLINE"}
    L_JAVA_HOME=${again%%"$NEWLINE"*}; again=${again#*"$NEWLINE"}
    L_JAVA=${again%%"$NEWLINE"*}; L_CLASSPATH=${again#*"$NEWLINE"}
    if [ "$L_STATE" = seen ]; then
      say login_not_interactive yes
    elif [ "$first" = late ]; then
      say login_failed "the login shell $ACCOUNT_SHELL was not ready within 5 s: look at its start files"
    else
      say login_failed "the login shell $ACCOUNT_SHELL ran no command: look at its start files"
    fi
  fi
  say login_classpath "$L_CLASSPATH"; say login_java_home "$L_JAVA_HOME"; say login_java "$L_JAVA"
}

# The machine and the account. Mostly builtins: every fork is a millisecond of a small instance.
host_facts() {
  say clock "$(date +%s)"
  say user "$ACCOUNT"
  say uid "$ACCOUNT_UID"
  say home "$HOME"
  say shell "$ACCOUNT_SHELL"
  say arch "$(uname -m)"
  if [ -r /etc/os-release ]; then
    while IFS='=' read -r name value; do
      value=${value#[\"\']}; value=${value%[\"\']}
      case $name in
        ID) say os_id "$value" ;;
        VERSION_ID) say os_version "$value" ;;
        PRETTY_NAME) say os_name "$value" ;;
      esac
    done </etc/os-release
  fi
  if [ -r /etc/machine-id ]; then read -r id </etc/machine-id; say machine_id "$id"; fi
  # The hypervisor's word first: an image carries the other file along.
  for file in /sys/devices/virtual/dmi/id/board_asset_tag /var/lib/cloud/data/instance-id; do
    id=; { read -r id <"$file"; } 2>/dev/null || :
    case $id in i-[0-9a-f]*) say instance_id "$id"; break ;; esac
  done
  for tool in apt-get yum dnf rpm dpkg timeout sudo cloud-init; do
    if command -v "$tool" >/dev/null 2>&1; then say tool "$tool"; fi
  done
  # What steps need: not every image has all of it.
  for tool in curl wget tar gzip find xargs sha256sum sha512sum stat sed awk cmp mktemp flock setsid; do
    if command -v "$tool" >/dev/null 2>&1; then say tool "$tool"; else say lacks "$tool"; fi
  done
  df -Pk -- "$HOME" 2>/dev/null | { read -r _; read -r _ _ _ free _ && say disk_free_kib "$free"; }
  while read -r name value _; do
    case $name in
      MemTotal:) say memory_total_kib "$value" ;;
      MemAvailable:) say memory_available_kib "$value"; break ;;
    esac
  done </proc/meminfo
  for key in /etc/ssh/ssh_host_*_key.pub; do
    if [ -r "$key" ]; then read -r line <"$key"; say host_key "$line"; fi
  done
  lock_facts
}

# Is an apply running? A shared try does not hinder other readers.
lock_facts() {
  file=/etc/machine-id; [ -r "$file" ] || file=/etc/passwd
  command -v flock >/dev/null 2>&1 || return 0
  if ! ( flock -n -s 9 ) 9<"$file"; then say lock_holder "$(lock_holder)"; fi
}

# The holder says who it is in its arguments.
lock_holder() {
  for line in /proc/[0-9]*/cmdline; do
    who=$(tr '\0' '\n' <"$line" 2>/dev/null | grep -m 1 '^trueup: ') && { printf '%s' "${who#trueup: }"; return 0; }
  done
  printf 'another apply'
}

# mark MARK: everything before this line is noise of a start file.
mark() { MARK=$1; printf "\n%s\n" "$MARK"; }

# Who we are. sshd and `local` set HOME and SHELL from passwd.
identify() {
  set -- $(id)
  ACCOUNT_UID=${1#uid=}; ACCOUNT_UID=${ACCOUNT_UID%%\(*}
  ACCOUNT=${1#*\(}; ACCOUNT=${ACCOUNT%%\)*}
  ACCOUNT_SHELL=${SHELL:-/bin/sh}
}
