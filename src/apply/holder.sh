# The one remote process of an apply: it holds the lock, reads a line a step, answers in records.
#
# A step is `NAME ARGUMENT…`, each argument in base64 (`-` is the empty one; `=…` is a payload that
# goes into a pipe, never into a file of ours or a process's arguments). `as_root` before the name has root
# run it. A line without its newline is not run: the client died while writing it.

# Decodes the arguments of a step and runs it in a session of its own, so that a dead client never
# kills a package manager in mid-transaction. All steps but package managers inherit descriptor 9:
# the lock stays as long as one of them runs.
run_step() {
  if [ "$1" = as_root ]; then root=yes; shift; else root=; fi
  if [ "$ACCOUNT_UID" = 0 ]; then root=; fi
  step=$1; shift
  if [ -z "$T" ]; then private_folder || return; fi
  rm -f -- "$T/part" "$T/headers"
  payload=
  count=$#
  while [ "$count" -gt 0 ]; do
    argument=$1; shift
    case $argument in
      -) argument= ;;
      =*) payload=${argument#=}; argument=/proc/self/fd/4 ;;
      *) argument=$(printf %s "$argument" | base64 -d; printf x); argument=${argument%x} ;;
    esac
    set -- "$@" "$argument"
    count=$((count - 1))
  done
  if ! { command exec 8>"$T/log"; } 2>/dev/null; then refuse "cannot write in $T"; return; fi
  # Answers go straight out, so that a full disk cannot swallow them; but for a package manager, whose
  # daemons would keep the channel open.
  case $root$step in
    package) setsid sh -c "$STEPS" "step_$step" "step_$step" "$@" </dev/null >&8 2>&1 3>"$T/result" 8>&- 9<&- & ;;
    # sudo closes all but the first three.
    yes*)
      printf %s "$payload" | base64 -d |
        setsid sh -c "$AS_ROOT" "step_$step" env "T=$T" sh -c "exec 4<&0 3>&1 >&2 </dev/null; $STEPS" "step_$step" "step_$step" "$@" 2>&8 8>&- & ;;
    *)
      printf %s "$payload" | base64 -d |
        setsid sh -c "$STEPS" "step_$step" "step_$step" "$@" 4<&0 </dev/null 3>&1 >&8 2>&1 8>&- & ;;
  esac
  exec 8>&-
  running=$!
  say started "$running"
  ( exec 9<&-; follow ) & follower=$!
  while :; do
    wait "$running"; code=$?
    # A trapped signal ends `wait` early; the step goes on.
    if [ "$code" -gt 128 ] && kill -0 "$running" 2>/dev/null; then continue; fi
    break
  done
  kill "$follower" 2>/dev/null; wait "$follower" 2>/dev/null
  say log "$(tail -n 20 "$T/log")"
  if [ -s "$T/result" ]; then cat -- "$T/result"; fi
  rm -f -- "$T/result"
  say done "$code"
}

# Waits for it, with the lock.
# shellcheck disable=SC2016
AS_ROOT='sudo -n "$@"; exit "$?"'

# A folder of this apply's own, in T: for the log of a step. In memory where that can be, so that a disk
# that is full or broken does not swallow the report of it; a full one takes a folder, and nothing in it.
private_folder() {
  for place in ${TMPDIR:+"$TMPDIR"} /dev/shm /tmp; do
    T=$(mktemp -d "$place/.trueup-step-XXXXXX" 2>/dev/null) || { T=; continue; }
    if { printf '%65536s' '' >"$T/log"; } 2>/dev/null; then export T; return 0; fi
    rm -rf -- "$T"; T=
  done
  refuse "no room for a private folder in /dev/shm, nor in ${TMPDIR:-/tmp}"
  return 1
}

# A step that could not even start.
refuse() { say failed "$1"; say done 1; }

# Reports how far a download is, and the last line that a package manager printed.
follow() {
  last=
  # A holder that was killed has nobody who would end this.
  while kill -0 "$$" 2>/dev/null && sleep 0.3 >/dev/null 2>&1; do
    now=
    if [ -s "$T/part" ]; then
      read -r part <"$T/part"
      total=$(tr -d '\r' <"$T/headers" 2>/dev/null | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1)
      now="progress $(stat -c %s -- "$part" 2>/dev/null) $total"
    else
      now="line $(tail -n 1 "$T/log" 2>/dev/null | tr -d '\r')"
    fi
    if [ "$now" != "$last" ]; then last=$now; say "${now%% *}" "${now#* }"; fi
  done
}

forsaken() { if [ -n "$T" ]; then rm -rf -- "$T"; fi; kill -s KILL "$$"; }

# within SECONDS COMMAND…: runs it, and is forsaken where that takes longer: the client has gone, however its
# connection looks from here.
within() {
  ( exec 9<&-; after "$1" forsaken ) </dev/null >/dev/null 2>&1 &
  watchdog=$!; shift
  "$@"; status=$?
  { kill "$watchdog" && wait "$watchdog"; } 2>/dev/null
  return "$status"
}

# hear SECONDS: reads a line. While the client has nothing for us it says `beat`. Without a step nothing is
# under way, so that the end may be as hard as it can be; it frees the lock.
hear() { within "$1" next_line; }
next_line() { IFS= read -r line; }

# Looks. What start files leave behind does not get the lock.
look_with_lock() { ( exec 9<&-; look_now ) </dev/null; }

# take_lock SECONDS: the lock of this account, in descriptor 9.
take_lock() {
  command -v flock >/dev/null 2>&1 || { say no_flock ""; return 1; }
  if closed_folder; then
    exec 6<"$LOCK"
    flock_it "$1"
    # NFS locks for writing alone, and a folder cannot be opened so.
    case $? in 0) return 0 ;; 1) return 1 ;; esac
  fi
  own_file
  # Made exclusively: where others can write, a link of theirs is not followed. (It is not called
  # `.trueup-…`, because what is goes when an apply was killed.)
  if [ ! -e "$LOCK" ] && ! why=$( { umask 077; set -C; : >"$LOCK"; } 2>&1 ) && [ ! -e "$LOCK" ]; then
    say no_lock "$LOCK: ${why##*: }"; return 1
  fi
  if [ -L "$LOCK" ] || [ ! -f "$LOCK" ] || [ ! -O "$LOCK" ]; then
    say not_ours "$(stat -c %U -- "$LOCK") $LOCK"; return 1
  fi
  why=$( { : >>"$LOCK"; } 2>&1 ) || { say no_lock "$LOCK: ${why##*: }"; return 1; }
  exec 6>>"$LOCK"
  flock_it "$1" && return
  [ "$?" = 1 ] || say no_lock "$LOCK: it cannot be locked"
  return 1
}

# flock_it SECONDS: what is open as 6, where it is while we wait, goes to 9 with its lock. 1: it was held
# for too long, and that is reported; more: it cannot be locked.
flock_it() {
  flock -n 6 2>/dev/null; locked=$?
  if [ "$locked" = 1 ]; then
    say waiting "$(lock_holder)"
    flock -w "$1" 6 || { say held "$(lock_holder)"; return 1; }
    locked=0
  fi
  if [ "$locked" = 0 ]; then exec 9<&6; fi
  exec 6<&-
  return "$locked"
}

# Who looks with the lock puts a look in its place, and says so in LOOKS.
look_now() { :; }
LOOKS=

# holder SECONDS SECONDS SECONDS: how long the lock is waited for, a client that says nothing, and the look that
# comes as soon as it has the lock.
holder() {
  S=apply T= silence=$2
  # Whatever a start file printed before this line is skipped.
  printf '\n%s\n' 'trueup holder'
  take_lock "$1" || return
  # Leftovers of an apply that was killed; the lock says that nobody else's are among them.
  for old in "${TMPDIR:-/tmp}"/.trueup-step-* /tmp/.trueup-step-* /dev/shm/.trueup-step-*; do
    if [ -O "$old" ] && [ ! -L "$old" ]; then rm -rf -- "$old"; fi
  done
  say locked ""
  trap : PIPE HUP
  if [ -n "$LOOKS" ]; then
    within "$3" look_with_lock
    S=apply; say looked ""
  fi
  while hear "$silence"; do
    if [ "$line" = beat ]; then continue; fi
    set -f
    # shellcheck disable=SC2086  # words are what a line is made of
    set -- $line
    set +f
    run_step "$@"
  done
  if [ -n "$T" ]; then rm -rf -- "$T"; fi
}
