# Shared by all probes: POSIX sh, and nothing that Amazon Linux 2 does not have. Nothing here writes.
ASKED_PATH=$PATH HERE=$PWD
NEWLINE='
'
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

# A record: SECTION KEY LENGTH:VALUE. `${#2}` counts bytes in the C locale.
say() { printf '%s %s %s:%s\n' "$S" "$1" "${#2}" "$2"; }

# section SECTION FUNCTION ARGUMENT…: runs one probe with its records under one section.
section() {
  S=$1; shift
  "$@"
  [ "$PWD" = "$HERE" ] || cd -- "$HERE" 2>/dev/null || cd /
}

# Are the commands there that a probe cannot do without? What is missing is reported: then nothing is
# known, and nothing wrong is reported.
need() {
  needed=yes
  for tool; do command -v "$tool" >/dev/null 2>&1 || { say lacks "$tool"; needed=; }; done
  [ -n "$needed" ]
}

# A symbolic path as this account has it, in R; absolute, also where its home is not.
at() {
  case $1 in
    '~') R=$HOME ;;
    '~/'*) R=$HOME/${1#'~/'} ;;
    *) R=$1 ;;
  esac
  case $R in /*) ;; *) R=$HERE/$R ;; esac
}

# A path with its links resolved, in R; as it is, where a folder of it is not there.
resolve() { R=$1; plain "$1" || R=$(readlink -f -- "$1") && [ -n "$R" ] || R=$1; }

# Is it resolved already?
plain() {
  prefix=$1
  case $prefix/ in [!/]*|*//*|*/./*|*/../*) return 1 ;; esac
  while [ -n "$prefix" ]; do [ ! -L "$prefix" ] || return; prefix=${prefix%/*}; done
}

# program NAME: where PATH has it, in R.
program() {
  left=$PATH:
  while [ -n "$left" ]; do
    R=${left%%:*}/$1 left=${left#*:}
    if [ -f "$R" ] && [ -x "$R" ]; then return 0; fi
  done
  return 1
}

# ahead SECTION FUNCTION ARGUMENT…: what a probe will look at. A first argument that is a path is learnt, and where
# there is a function of its name and `_ahead`, that is called.
ahead() {
  case ${3-} in /*|'~'/*) EXPECTED=$EXPECTED$3$NEWLINE ;; esac
  command -v "$2_ahead" >/dev/null || return 0
  S=$1; ahead=$2_ahead; shift 2
  "$ahead" "$@"
}
EXPECTED=$NEWLINE TREE_HOME=

# look PATH…: learns of us, of these, and of what is EXPECTED, in one call; of the folders above them, too, but for
# what is reached by links. Of a tree at TREE_HOME it learns the sizes, three folders deep, in TREE.
look() {
  IFS=$NEWLINE; set -f
  # shellcheck disable=SC2086  # lines
  set -- "$@" $EXPECTED
  set +f; unset IFS
  seen=$NEWLINE
  for path; do
    shift
    at "$path"
    while [ -n "$R" ]; do
      case $seen in *"$NEWLINE$R$NEWLINE"*) break ;; esac
      seen=$seen$R$NEWLINE
      if [ -e "$R" ] && [ ! -L "$R" ]; then set -- "$@" "$R"; fi
      R=${R%/*}
    done
  done
  set -- /proc/self / "$@"
  R=${TREE_HOME:-/dev/null}
  SEEN=$(stat -L -c "$STAT" -- "$@" "$R"/* "$R"/*/* "$R"/*/*/* 2>/dev/null)$NEWLINE
  learn "$@"
  TREE=$SEEN
}

# sweep: runs what probes have put into SWEEP in one awk: BEGIN blocks that `say` records, and set `odd` where a
# probe has to look closer. ODD: one did, or awk did not run.
sweep() {
  ODD=yes
  # One variable's room.
  if [ "${#TREE}" -gt 100000 ]; then TREE=; fi
  TREE=$TREE awk "$SWEEP BEGIN { exit odd } $SAY" </dev/null 2>/dev/null && ODD=
}
SWEEP= ODD=yes
SAY='function say(key, value) {
  if (!index(value, sprintf("%c", 0))) print section " " key " " length(value) ":" value
}'

# What `learn` has seen: of the Nth path, KNOWN_N, stat said STAT_N.
KNOWN=0
STAT='%a %u %g %s %d:%i %Y %U/%n'

# learn PATH…: keeps the lines of SEEN that begin it, and are of these paths: what is not there has none. A name
# of several lines fits none, and nothing that comes after it is taken.
learn() {
  for path; do
    line=${SEEN%%"$NEWLINE"*}
    case $line in
      *"/$path")
        KNOWN=$((KNOWN + 1)) line=${line%"/$path"} SEEN=${SEEN#*"$NEWLINE"}
        eval "KNOWN_$KNOWN=\$path STAT_$KNOWN=\$line" ;;
    esac
  done
}

# known PATH: its MODE, SIZE, … as learnt, links followed; is it known?
known() {
  n=$KNOWN
  while [ "$n" -gt 0 ]; do
    eval "learnt=\$KNOWN_$n"
    if [ "$learnt" = "$1" ]; then
      eval "set -- \$STAT_$n"
      mode=$1 uid=$2 group=$3 size=$4 inode=$5 time=$6 owner=$7
      return 0
    fi
    n=$((n - 1))
  done
  return 1
}

# know PATH…: learns of those that are not known, in one call.
know() {
  for path; do shift; known "$path" || set -- "$@" "$path"; done
  [ "$#" -gt 0 ] || return 0
  SEEN=$(stat -L -c "$STAT" -- "$@" 2>/dev/null)$NEWLINE
  learn "$@"
}

# stat_of PATH: likewise, of one; is it there?
stat_of() { know "$1"; known "$1"; }

# after SECONDS COMMAND…: runs it by then, or when its caller has been killed; in a subshell of the
# caller's, which TERM ends before.
after() {
  left=$1; shift
  while [ "$left" -gt 0 ] && kill -0 "$$" 2>/dev/null; do
    pause=5; [ "$left" -gt 5 ] || pause=$left
    left=$((left - pause))
    # A TERM that comes before the sleep is known by its number must not leave it; and one to a process
    # that is just being made, which still has our traps, may be lost.
    ended=; trap 'ended=yes' TERM
    sleep "$pause" >/dev/null 2>&1 & nap=$!
    trap 'kill -s KILL "$nap" 2>/dev/null; exit 0' TERM
    if [ -n "$ended" ]; then kill -s KILL "$nap" 2>/dev/null; exit 0; fi
    wait "$nap"
  done
  "$@"
}

# Is a group this account's alone: its primary one, with nobody else in it?
own_group() { [ "$1" = "${ACCOUNT_GID:-$(id -g)}" ] && alone_in "$1"; }

# alone_in GROUP: is there nobody in a group but this account and root?
alone_in() {
  if command -v getent >/dev/null 2>&1; then look=getent; else look=listed; fi
  seen=$(
    "$look" group | while IFS=: read -r _ _ gid members; do
      if [ "$gid" = "$1" ]; then case $members in ''|root|"$ACCOUNT") printf own ;; *) printf shared ;; esac; fi
    done
    "$look" passwd | while IFS=: read -r name _ _ gid _; do
      if [ "$gid" = "$1" ] && [ "$name" != "$ACCOUNT" ] && [ "$name" != root ]; then printf shared; fi
    done
  )
  [ "$seen" = own ]
}
listed() { cat "/etc/$1"; }

# of_another UID OWNER FOLDER: is a folder neither ours nor root's? Then that is reported: who owns it can put
# something else in the place of what is there, sticky or not.
of_another() { [ "$1" != 0 ] && [ "$1" != "$ACCOUNT_UID" ] && say open_folder_owner "$2" && say open_folder "$3"; }

# Does an access list let more write than the mode says? Then the mode's group is the most that it lets.
has_acl() { case $(ls -ld -- "$1") in ??????????+*) ;; *) return 1 ;; esac; }

# package_facts PACKAGE: what apt-get would do for it. As root it would renew its caches, if it had some.
package_facts() {
  command -v apt-get >/dev/null 2>&1 || return 0
  package=$1; set -- -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  case $(apt-cache "$@" policy -- "$package") in
    "$package:"*"Candidate: ("*) say package_unknown yes; return 0 ;;
    "$package:"*"Candidate: "*) ;;
    *) say package_unknown yes; return 0 ;;
  esac
  if ! would=$(apt-get "$@" -o Debug::NoLocking=1 -s -q --no-install-recommends install -- "$package" 2>&1); then
    say package_refused "$(printf '%s\n' "$would" | sed -n 's/^E: //p')"
    return 0
  fi
  printf '%s\n' "$would" | while read -r what name _; do
    case $what in Inst) say package_comes "$name" ;; Remv) say package_goes "$name" ;; esac
  done
}

# The free space of the file system that has a folder.
room() { df -Pk -- "$1" 2>/dev/null | { read -r _; read -r _ _ _ free _ && say free_kib "$free"; }; }

# What stands at a path. Sets P (the path, links resolved) and KIND.
path_facts() {
  at "$1"; P=$R
  KIND=unknown
  need stat || return 0
  if [ -L "$P" ]; then
    need readlink || return 0
    # Owner of the link, then owner and mode of the folder that holds it, and whose group that is.
    set -- $(stat -c '%u %a %g' -- "${P%/*}/")
    case $2 in
      *[2367]?) if own_group "$3"; then group=own; else group=shared; fi ;;
      *) group=closed ;;
    esac
    say link "$(stat -c %u -- "$P") $1 $2 $group"
    resolve "$P"; P=$R
  fi
  say real "$P"
  folder=${P%/*}; folder=${folder:-/}
  while [ ! -e "$folder" ] && [ ! -L "$folder" ] && [ "$folder" != / ]; do folder=${folder%/*}; folder=${folder:-/}; done
  say folder "$folder"
  [ -d "$folder" ] || say folder_is_none yes
  if [ -w "$folder" ]; then say folder_writable yes
  else
    if [ -L "$folder" ] && R=$(readlink -f -- "$folder" || readlink -- "$folder") && [ -n "$R" ]; then say folder_link "$R"; fi
    stat_of "$folder" || owner=
    say folder_owner "$owner"
  fi
  # What an apply that was killed has left beside it, and in a tree.
  for leftover in "${P%/*}"/.trueup-* "$P"/.trueup/.trueup-* "$P/.trueup/stage"; do
    if [ -O "$leftover" ] && [ ! -L "$leftover" ]; then say leftover "$leftover"; fi
  done
  if [ -f "$P" ]; then KIND='file'
  elif [ -d "$P" ]; then KIND='dir'
  elif [ -e "$P" ]; then KIND=other
  elif [ -d "$folder" ] && [ ! -x "$folder" ]; then KIND=hidden
  else KIND=absent
  fi
  say kind "$KIND"
  # The folders above it, and before them the path itself: one call for all.
  up=${P%/*}
  case $KIND in absent|hidden) up=$folder ;; esac
  set --
  while :; do
    if [ -L "${up:-/}" ]; then resolve "$up"; up=$R; fi
    set -- "$@" "${up:-/}"
    case $up in */*) up=${up%/*} ;; *) break ;; esac
  done
  case $KIND in
    file|dir)
      know "$P" "$@"
      known "$P" || return 0
      say mode "$mode"; say uid "$uid"; say owner "$owner"; say size "$size"
      if [ "$KIND" = 'file' ]; then say changed "$time"; fi
      if [ -r "$P" ]; then say readable yes; fi
      if [ -w "$P" ]; then say writable yes; fi
      if [ "$KIND" = dir ] && of_another "$uid" "$owner" "$P"; then return 0; fi ;;
    *) know "$@" ;;
  esac
  for up; do
    known "$up" || continue
    if of_another "$uid" "$owner" "$up"; then break; fi
    case $mode in
      [1357]???) continue ;;
      *[2367]) ;;
      *[2367]?) if { [ "$group" = 0 ] || alone_in "$group"; } && ! has_acl "$up"; then continue; fi ;;
      *) continue ;;
    esac
    say open_folder "$up"; break
  done
}

# A file's bytes: as they are where they are plain text, else in base64. Beyond 1 MiB it is no start file and no
# properties file.
content() {
  stat_of "$1" || return 0
  text=
  if [ "$size" -le 8192 ]; then
    { while [ "${#text}" -le "$size" ] && IFS= read -r line; do text=$text$line$NEWLINE line=; done; text=$text$line; } <"$1"
    # A byte that no text has may have been lost.
    case $text in
      *[!$PLAIN]*) ;;
      *) if [ "${#text}" = "$size" ]; then say content_text "$text"; return 0; fi ;;
    esac
  fi
  if [ "$size" -le 1048576 ]; then say content "$(base64 <"$1" | tr -d '\n')"; fi
}
PLAIN="$NEWLINE	 -~"

# Does it end as a zip file ends? The end record is the last 22 bytes, or a comment follows it.
ends_as_zip() {
  stat_of "$1" && [ "$size" -ge 22 ] || return 1
  case $(od -An -v -tx1 -j "$((size - 22))" -N 4 -- "$1") in
    *'50 4b 05 06') return 0 ;;
  esac
  tail -c 65557 -- "$1" | od -An -v -tx1 | tr -s ' \n' ' ' | grep -q '50 4b 05 06'
}
