# step_own FILE MODE OWNER: another mode, another owner; an empty one stays. Both are set on what was opened:
# by its name it could be another file by then.
step_own() {
  [ ! -L "$1" ] && [ -f "$1" ] || fail "$1 is no plain file"
  opened=/proc/self/fd/5
  if { command exec 5<"$1"; } 2>/dev/null; then
    # What a link leads to is called otherwise.
    [ "$(readlink -- "$opened")" = "$1" ] || fail "$1 is not what was opened: somebody else is at work in ${1%/*}"
  else
    # Root can open it; and an account, whose own file may be closed to itself, can harm its own alone.
    [ "$(id -u)" != 0 ] || fail "cannot open $1"
    opened=$1
  fi
  [ -z "$3" ] || chown -- "$3" "$opened" || fail "cannot give $1 to $3"
  [ -z "$2" ] || chmod "$2" -- "$opened" || fail "cannot set the mode of $1"
}

# step_open_folder FOLDER: makes it, and what is missing above it, so that every account comes to what is in it.
step_open_folder() {
  if [ -d "$1" ]; then return 0; fi
  ( umask 022; mkdir -p -- "$1" ) || fail "cannot make the folder $1"
  flush "${1%/*}" || fail "cannot write to the disk what is in ${1%/*}"
}
