# The machine and the account. Mostly builtins: every fork is a millisecond of a small instance.
host_facts() {
  say clock "${CLOCK:-$(date +%s)}"
  say user "$ACCOUNT"
  say uid "$ACCOUNT_UID"
  say home "$HOME"
  say shell "$ACCOUNT_SHELL"
  arch=; { read -r arch </proc/sys/kernel/arch; } 2>/dev/null || :
  case $arch in x86_64|aarch64) ;; *) arch=$(uname -m) ;; esac
  say arch "$arch"
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
  # Images carry their machine id along; what is booted from them has another of these.
  { read -r boot </proc/sys/kernel/random/boot_id && stat_of / && say machine "$boot $inode"; } 2>/dev/null || :
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
  free=$(df -Pk -- "$HOME" 2>/dev/null)$NEWLINE
  set -f
  # shellcheck disable=SC2086  # the words of its second line
  set -- ${free#*"$NEWLINE"}
  set +f
  if [ "$#" -gt 3 ]; then say disk_free_kib "$4"; fi
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

# Where the account's lock can be, in LOCK: a thing that it and root alone can open, so that nobody else
# can hold it. The first is there and closed on most machines, and then a lock leaves no trace.
closed_folder() {
  LOCK=$HOME/.ssh
  [ -d "$LOCK" ] && [ ! -L "$LOCK" ] && stat_of "$LOCK" && [ "$uid $mode" = "$ACCOUNT_UID 700" ]
}
own_file() {
  LOCK=$HOME/.trueup.lock
  if [ ! -d "$HOME" ] || [ ! -w "$HOME" ]; then LOCK=/tmp/.trueup.$ACCOUNT_UID.lock; fi
}

# Is an apply running? A shared try does not hinder other readers.
lock_facts() {
  command -v flock >/dev/null 2>&1 || return 0
  for place in closed_folder own_file; do
    "$place" && [ -e "$LOCK" ] && [ ! -L "$LOCK" ] && [ -O "$LOCK" ] || continue
    ( command exec 9<"$LOCK" || exit 0; flock -n -s 9 ) 2>/dev/null || say lock_holder "$(lock_holder)"
  done
}

# Who has the lock open: a holder as 9, and so do its steps; who waits for it, as 6. A holder says who it
# is in its arguments.
lock_holder() {
  gone=
  for open in /proc/[0-9]*/fd/9; do
    [ "$open" -ef "$LOCK" ] || continue
    process=${open#/proc/}; process=${process%%/*}
    words=$(tr '\0' '\n' <"/proc/$process/cmdline" 2>/dev/null) || continue
    who=$(printf '%s\n' "$words" | grep -m 1 '^trueup: ') && { printf '%s' "${who#trueup: }"; return 0; }
    step=$(printf '%s\n' "$words" | grep -m 1 '^step_[a-z_]*$') && gone="the step \`${step#step_}\` of an apply whose client has gone (process $process)"
  done
  printf '%s' "${gone:-a process that has $LOCK open}"
}

# mark MARK [quiet]: everything before this line is noise of a start file.
mark() { MARK=$1; if [ -z "${2-}" ]; then printf "\n%s\n" "$MARK"; fi; }

# Who we are. sshd and `local` set HOME and SHELL from passwd. The folder of a process of ours is ours, and
# as old as the look at it.
identify() {
  if known /proc/self && [ "$owner" != UNKNOWN ]; then
    ACCOUNT_UID=$uid ACCOUNT_GID=$group ACCOUNT=$owner CLOCK=$time
  else
    ACCOUNT_GID= CLOCK=
    set -- $(id)
    ACCOUNT_UID=${1#uid=}; ACCOUNT_UID=${ACCOUNT_UID%%\(*}
    ACCOUNT=${1#*\(}; ACCOUNT=${ACCOUNT%%\)*}
  fi
  ACCOUNT_SHELL=${SHELL:-/bin/sh}
  # Bash reads ~/.bashrc for each command of ssh's: an agent that it starts there would stay.
  if [ -n "${SSH_AGENT_PID-}" ]; then end_agent "$SSH_AGENT_PID"; fi
}

# end_agent PID: ends an ssh-agent that is not older than we are.
end_agent() {
  { IFS= read -r other <"/proc/$1/stat" && IFS= read -r own <"/proc/$$/stat"; } 2>/dev/null || return 0
  case $other in *"(ssh-agent)"*) ;; *) return 0 ;; esac
  started "$own"; own=$R
  started "$other"
  if [ "$R" -ge "$own" ]; then kill -s TERM "$1" 2>/dev/null; fi
}

# started STAT: when a process started, in R: field 22 of what /proc has of it, the 20th after the name's bracket.
started() {
  set -f
  # shellcheck disable=SC2086  # numbers
  set -- ${1##*) }
  set +f
  R=${20}
}

# with_environment FUNCTION: calls it with what /etc/environment says, as pam_env reads it: KEY=VALUE,
# an optional `export`, optional quotes.
with_environment() {
  if [ -r /etc/environment ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      line=${line#export }
      case $line in ''|\#*|[!A-Za-z_]*) continue ;; *=*) ;; *) continue ;; esac
      value=${line#*=}
      case $value in \"*\") value=${value#\"}; value=${value%\"} ;; \'*\') value=${value#\'}; value=${value%\'} ;; esac
      set -- "$@" "${line%%=*}=$value"
    done </etc/environment
  fi
  "$@"
}
