# Shared by all probes: POSIX sh, and nothing that Amazon Linux 2 does not have. Nothing here writes.
ASKED_PATH=$PATH
NEWLINE='
'
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

# A record: SECTION KEY LENGTH:VALUE. `${#2}` counts bytes in the C locale.
say() { printf '%s %s %s:%s\n' "$S" "$1" "${#2}" "$2"; }

# Runs one probe with its records under one section, in a shell of its own; `…_here` in this one, so that the next
# of its kind knows what it has found.
section() { case $2 in *_here) S=$1; shift; "$@" ;; *) ( S=$1; shift; "$@" ) ;; esac; }

# Are the commands there that a probe cannot do without? What is not there is said: then nothing is
# known, and nothing wrong is said.
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
  case $R in /*) ;; *) R=$PWD/$R ;; esac
}

# A path with its links resolved, in R; as it is, where a folder of it is not there.
resolve() { R=$(readlink -f -- "$1") && [ -n "$R" ] || R=$1; }

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
own_group() { [ "$1" = "$(id -g)" ] && alone_in "$1"; }

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

# of_another UID OWNER FOLDER: is a folder neither ours nor root's? Then that is said: who owns it can put
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
  folder=${P%/*}; folder=${folder:-/}
  while [ ! -e "$folder" ] && [ ! -L "$folder" ] && [ "$folder" != / ]; do folder=${folder%/*}; folder=${folder:-/}; done
  say folder "$folder"
  [ -d "$folder" ] || say folder_is_none yes
  KIND=unknown
  if ! need stat; then say real "$P"; say kind unknown; return 0; fi
  if [ -w "$folder" ]; then say folder_writable yes; else say folder_owner "$(stat -c %U -- "$folder")"; fi
  if [ -L "$P" ]; then
    if ! need readlink; then say real "$P"; say kind unknown; return 0; fi
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
  # The folders on the way, and before them the path itself: one call for all.
  up=${P%/*}
  case $KIND in absent|hidden) up=$folder ;; esac
  set --
  while :; do
    if [ -L "${up:-/}" ]; then up=$(readlink -f -- "$up"); fi
    set -- "$@" "${up:-/}"
    case $up in */*) up=${up%/*} ;; *) break ;; esac
  done
  case $KIND in file|dir) set -- "$P" "$@" ;; esac
  stat -L -c '%a %u %U %s %g %n' -- "$@" 2>/dev/null | {
    case $KIND in
      file|dir)
        read -r mode uid owner size _
        say mode "$mode"; say uid "$uid"; say owner "$owner"; say size "$size"
        if [ -r "$P" ]; then say readable yes; fi
        if [ -w "$P" ]; then say writable yes; fi
        if [ "$KIND" = dir ] && of_another "$uid" "$owner" "$P"; then exit 0; fi ;;
    esac
    while read -r mode uid owner _ group name; do
      if of_another "$uid" "$owner" "$name"; then break; fi
      case $mode in
        [1357]???) continue ;;
        *[2367]) ;;
        *[2367]?) if { [ "$group" = 0 ] || alone_in "$group"; } && ! has_acl "$name"; then continue; fi ;;
        *) continue ;;
      esac
      say open_folder "$name"; break
    done
  }
}

# A file's bytes, in base64. Beyond 1 MiB it is no start file and no properties file.
content() {
  if [ "$(stat -c %s -- "$1")" -le 1048576 ]; then say content "$(base64 <"$1" | tr -d '\n')"; fi
}

# Does it end as a zip file ends? The end record is the last 22 bytes, or a comment follows it.
ends_as_zip() {
  case $(tail -c 22 -- "$1" | od -An -v -tx1 | tr -d ' \n') in
    504b0506*) return 0 ;;
  esac
  tail -c 65557 -- "$1" | od -An -v -tx1 | tr -s ' \n' ' ' | grep -q '50 4b 05 06'
}
