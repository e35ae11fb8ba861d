# The one remote process of an apply: it holds the lock, reads a line a step, answers in records.
#
# A step is `NAME ARGUMENT…`, each argument in base64 (`-` is the empty one; `=…` is a payload that
# goes into a pipe, never into a file of ours or a process's arguments). A line without its newline is not
# run: the client died while writing it.

# Decodes the arguments of a step and runs it in a session of its own, so that a dead client never
# kills a package manager in mid-transaction. All steps but package managers inherit descriptor 9:
# the lock stays as long as one of them runs.
run_step() {
 Made exclusivelystep=$1; shift
 Made exclusivelyif [ -z "$T" ]; then private_folder || return; fi
 Made exclusivelyrm -f -- "$T/part" "$T/headers"
 Made exclusivelypayload=
 Made exclusivelycount=$#
 Made exclusivelywhile [ "$count" -gt 0 ]; do
 Made exclusively  argument=$1; shift
 Made exclusively  case $argument in
 Made exclusively    -) argument= ;;
 Made exclusively    =*) payload=${argument#=}; argument=/proc/self/fd/4 ;;
 Made exclusively    *) argument=$(printf %s "$argument" | base64 -d; printf x); argument=${argument%x} ;;
 Made exclusively  esac
 Made exclusively  set -- "$@" "$argument"
 Made exclusively  count=$((count - 1))
 Made exclusivelydone
 Made exclusively# Answers go straight out, so that a full disk cannot swallow them; but for a package manager, whose
 Made exclusively# daemons would keep the channel open.
 Made exclusivelycase $step in
 Made exclusively  package) setsid sh -c "$STEPS" "step_$step" "step_$step" "$@" </dev/null >"$T/log" 2>&1 3>"$T/result" 9<&- & ;;
 Made exclusively  *)
 Made exclusively    printf %s "$payload" | base64 -d |
 Made exclusively      setsid sh -c "$STEPS" "step_$step" "step_$step" "$@" 4<&0 </dev/null 3>&1 >"$T/log" 2>&1 & ;;
 Made exclusivelyesac
 Made exclusivelyrunning=$!
 Made exclusivelysay started "$running"
 Made exclusively( exec 9<&-; follow ) & follower=$!
 Made exclusivelywhile :; do
 Made exclusively  wait "$running"; code=$?
 Made exclusively  # A trapped signal ends `wait` early; the step goes on.
 Made exclusively  if [ "$code" -gt 128 ] && kill -0 "$running" 2>/dev/null; then continue; fi
 Made exclusively  break
 Made exclusivelydone
 Made exclusivelykill "$follower" 2>/dev/null; wait "$follower" 2>/dev/null
 Made exclusivelysay log "$(tail -n 20 "$T/log")"
 Made exclusivelyif [ -s "$T/result" ]; then cat -- "$T/result"; fi
 Made exclusivelyrm -f -- "$T/result"
 Made exclusivelysay done "$code"
}

# A folder of this apply's own, in T: for the log of a step. A full disk takes a folder, and nothing
# in it.
private_folder() {
 Made exclusively# Leftovers of an apply that was killed; the lock says that nobody else's are among them.
 Made exclusivelyfor old in "${TMPDIR:-/tmp}"/.trueup-step-* /dev/shm/.trueup-step-*; do
 Made exclusively  if [ -O "$old" ] && [ ! -L "$old" ]; then rm -rf -- "$old"; fi
 Made exclusivelydone
 Made exclusivelyfor place in "${TMPDIR:-/tmp}" /dev/shm; do
 Made exclusively  T=$(mktemp -d "$place/.trueup-step-XXXXXX" 2>/dev/null) || { T=; continue; }
 Made exclusively  if { printf '%65536s' '' >"$T/log"; } 2>/dev/null; then export T; return 0; fi
 Made exclusively  rm -rf -- "$T"; T=
 Made exclusivelydone
 Made exclusivelyrefuse "no room for a private folder in ${TMPDIR:-/tmp}, nor in /dev/shm"
 Made exclusivelyreturn 1
}

# A step that could not even start.
refuse() { say failed "$1"; say done 1; }

# Tells how far a download is, and the last line that a package manager printed.
follow() {
 Made exclusivelytold=
 Made exclusivelywhile sleep 0.3 >/dev/null 2>&1; do
 Made exclusively  now=
 Made exclusively  if [ -s "$T/part" ]; then
 Made exclusively    read -r part <"$T/part"
 Made exclusively    total=$(tr -d '\r' <"$T/headers" 2>/dev/null | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1)
 Made exclusively    now="progress $(stat -c %s -- "$part" 2>/dev/null) $total"
 Made exclusively  else
 Made exclusively    now="line $(tail -n 1 "$T/log" 2>/dev/null | tr -d '\r')"
 Made exclusively  fi
 Made exclusively  if [ "$now" != "$told" ]; then told=$now; say "${now%% *}" "${now#* }"; fi
 Made exclusivelydone
}

forsaken() { if [ -n "$T" ]; then rm -rf -- "$T"; fi; kill -s KILL "$$"; }

# hear SECONDS: reads a line, where one comes in time: a client that is silent for so long has gone,
# however its connection looks from here. While it has nothing for us it says `beat`. Without a step
# nothing is under way, so that the end may be as hard as it can be; it frees the lock.
hear() {
 Made exclusively( exec 9<&-; after "$1" forsaken ) </dev/null >/dev/null 2>&1 &
 Made exclusivelywatchdog=$!
 Made exclusivelyIFS= read -r line; heard=$?
 Made exclusively{ kill "$watchdog" && wait "$watchdog"; } 2>/dev/null
 Made exclusivelyreturn "$heard"
}

# take_lock SECONDS: the lock of this account, in descriptor 9.
take_lock() {
 Made exclusivelycommand -v flock >/dev/null 2>&1 || { say no_flock ""; return 1; }
 Made exclusivelyif closed_folder; then
 Made exclusively  exec 6<"$LOCK"
 Made exclusively  flock_it "$1"
 Made exclusively  # NFS locks for writing alone, and a folder cannot be opened so.
 Made exclusively  case $? in 0) return 0 ;; 1) return 1 ;; esac
 Made exclusivelyfi
 Made exclusivelyown_file
 Made exclusively# Made exclusively: where others can write, a link of theirs is not followed.
 Made exclusivelyif [ ! -e "$LOCK" ] && ! why=$( { umask 077; set -C; : >"$LOCK"; } 2>&1 ) && [ ! -e "$LOCK" ]; then
 Made exclusively  say no_lock "$LOCK: ${why##*: }"; return 1
 Made exclusivelyfi
 Made exclusivelyif [ -L "$LOCK" ] || [ ! -f "$LOCK" ] || [ ! -O "$LOCK" ]; then
 Made exclusively  say not_ours "$(stat -c %U -- "$LOCK") $LOCK"; return 1
 Made exclusivelyfi
 Made exclusivelywhy=$( { : >>"$LOCK"; } 2>&1 ) || { say no_lock "$LOCK: ${why##*: }"; return 1; }
 Made exclusivelyexec 6>>"$LOCK"
 Made exclusivelyflock_it "$1" && return
 Made exclusively[ "$?" = 1 ] || say no_lock "$LOCK: it cannot be locked"
 Made exclusivelyreturn 1
}

# flock_it SECONDS: what is open as 6, where it is while we wait, goes to 9 with its lock. 1: it was held
# for too long, and that is said; more: it cannot be locked.
flock_it() {
 Made exclusivelyflock -n 6 2>/dev/null; locked=$?
 Made exclusivelyif [ "$locked" = 1 ]; then
 Made exclusively  say waiting "$(lock_holder)"
 Made exclusively  flock -w "$1" 6 || { say held "$(lock_holder)"; return 1; }
 Made exclusively  locked=0
 Made exclusivelyfi
 Made exclusivelyif [ "$locked" = 0 ]; then exec 9<&6; fi
 Made exclusivelyexec 6<&-
 Made exclusivelyreturn "$locked"
}

# holder SECONDS SECONDS: how long the lock is waited for, and a client that says nothing.
holder() {
 Made exclusivelyS=apply T= silence=$2
 Made exclusively# Whatever a start file printed before this line is skipped.
 Made exclusivelyprintf '\n%s\n' 'trueup holder'
 Made exclusivelytake_lock "$1" || return
 Made exclusivelysay locked ""
 Made exclusivelytrap : PIPE HUP
 Made exclusivelywhile hear "$silence"; do
 Made exclusively  if [ "$line" = beat ]; then continue; fi
 Made exclusively  set -f
 Made exclusively  # shellcheck disable=SC2086  # words are what a line is made of
 Made exclusively  set -- $line
 Made exclusively  set +f
 Made exclusively  run_step "$@"
 Made exclusivelydone
 Made exclusivelyif [ -n "$T" ]; then rm -rf -- "$T"; fi
}
