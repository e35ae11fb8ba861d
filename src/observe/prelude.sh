# Shared by all probes: POSIX sh, and nothing that Amazon Linux 2 does not have. Nothing here writes.
ASKED_PATH=$PATH
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin

# A record: SECTION KEY LENGTH:VALUE. `${#2}` counts bytes in the C locale.
say() { printf '%s %s %s:%s\n' "$S" "$1" "${#2}" "$2"; }

# Runs one probe with its records under one section, in a shell of its own.
section() { ( S=$1; shift; "$@" ); }

# A symbolic path as this account has it, in R.
at() {
  case $1 in
    '~') R=$HOME ;;
    '~/'*) R=$HOME/${1#'~/'} ;;
    *) R=$1 ;;
  esac
}

# A path with its links resolved, in R; as it is, where a folder of it is not there.
resolve() { R=$(readlink -f -- "$1") && [ -n "$R" ] || R=$1; }

# What stands at a path. Sets P (the path, links resolved) and KIND.
path_facts() {
  at "$1"; P=$R
  folder=${P%/*}; folder=${folder:-/}
  while [ ! -e "$folder" ] && [ ! -L "$folder" ] && [ "$folder" != / ]; do folder=${folder%/*}; folder=${folder:-/}; done
  say folder "$folder"
  [ -d "$folder" ] || say folder_is_none yes
  if [ -w "$folder" ]; then say folder_writable yes; else say folder_owner "$(stat -c %U -- "$folder")"; fi
  if [ -L "$P" ]; then
    # Owner of the link, then owner and mode of the folder that holds it.
    say link "$(stat -c %u -- "$P") $(stat -c '%u %a' -- "${P%/*}/")"
    resolve "$P"; P=$R
  fi
  say real "$P"
  if [ -f "$P" ]; then KIND=file
  elif [ -d "$P" ]; then KIND=dir
  elif [ -e "$P" ]; then KIND=other
  elif [ -d "$folder" ] && [ ! -x "$folder" ]; then KIND=hidden
  else KIND=absent
  fi
  say kind "$KIND"
  case $KIND in
    file|dir)
      set -- $(stat -c '%a %u %U %s' -- "$P")
      say mode "$1"; say uid "$2"; say owner "$3"; say size "$4"
      if [ -r "$P" ]; then say readable yes; fi
      if [ -w "$P" ]; then say writable yes; fi ;;
  esac
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
