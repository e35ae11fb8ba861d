# What each action runs on the host. Descriptor 3 takes records for the answer; stdout and stderr go
# into a log. Every write is whole or absent: made beside its target, checked, synced,
# renamed.
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
umask 077

# A record, as the probe's `say` makes them. That the client is gone does not end a step.
report() { ( trap '' PIPE; printf 'apply %s %s:%s\n' "$1" "${#2}" "$2" >&3 ) 2>/dev/null || :; }
# Ends the step: a code of our own for the log's reader, and a sentence.
fail() { report failed "$1"; printf '%s\n' "$1" >&2; exit 1; }
# The free space of the file system that has a folder, in KiB.
free_kib() { df -Pk -- "$1" 2>/dev/null | { read -r _; read -r _ _ _ free _; printf '%s' "${free:-0}"; }; }
mib() { printf '%s MiB' "$((($1 + 1023) / 1024))"; }
# fail_in FOLDER TEXT [NEEDED]: ends the step because something could not be written there; where that
# is for want of room, the reason says so. NEEDED says how much it takes.
fail_in() {
  free=$(free_kib "$1")
  if [ -d "$1" ] && [ "$free" -lt 256 ]; then fail "no room in $1: ${3:+$3, }$free KiB are free"; fi
  fail "$2${3:+: $3}"
}
# unwritable FILE…: the first that nothing can be added to, and why.
unwritable() {
  for file; do
    why=$( { printf ' ' | cat >>"$file"; } 2>&1 ) || { printf '%s: %s' "$file" "${why##*: }"; return 0; }
  done
}
# Away with a folder of ours, whatever modes an archive gave its folders.
away() { chmod -R u+rwX -- "$1" 2>/dev/null; rm -rf -- "$1"; }
# Is the folder where we are our own, and nobody else's? Who can write in its parent could have put
# another one in its place; what is done from here on, by names without a path, is done in this one.
mine() {
  # A folder takes the mark of its group from its parent.
  case $(stat -c '%u %a' .) in "$(id -u) 700"|"$(id -u) 2700") ;; *) return 1 ;; esac
}
# Old coreutils sync everything, whatever they are given; new ones take names, and report errors. Who
# takes no names at all is asked without.
flush() {
  output=$(sync -- "$@" 2>&1) && return 0
  case $output in *sage:*|*"nvalid option"*|*"nrecognized option"*) sync; return 0 ;; esac
  printf '%s\n' "$output" >&2
  return 1
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# step_package MANAGER PACKAGE SECONDS: installs a package, and never removes or downgrades another for
# it. The first boot and other package managers are waited for, all in all so long.
step_package() {
  manager=$1 package=$2 until=$(($(date +%s) + $3))
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || fail "sudo is not there, and this account is not root"
    sudo -n true || fail "sudo asks for a password"
  fi
  if command -v cloud-init >/dev/null 2>&1; then
    # A new instance is still being set up; a bound, because some never finish.
    while cloud-init status 2>/dev/null | grep -q running && wait_for "cloud-init"; do :; done
  fi
  case $manager in
    apt-get)
      # A fresh image has no package lists at all.
      known || apt update || fail "apt-get update failed"
      # What apt-get does not know as a name it would take for a pattern.
      case $(apt-cache policy -- "$package") in
        "$package:"*) ;;
        *) fail "apt-get could not install $package: it knows no such package" ;;
      esac
      apt install --no-install-recommends --no-remove -- "$package" || {
        gone=$(apt-get -s -q --no-install-recommends install -- "$package" 2>/dev/null | sed -n 's/^Remv \([^ ]*\).*/\1/p' | tr '\n' ' ')
        [ -z "$gone" ] || fail "apt-get would remove something for $package: ${gone% }"
        fail "apt-get could not install $package"
      } ;;
    *)
      # What it would do, as it says itself: an older yum has no option to remove nothing.
      would=$(rpm_manager --assumeno)
      case $would in
        *"Transaction Summary"*|*"Nothing to do"*|*"Nothing to be done"*|*"already installed"*) ;;
        *) printf '%s\n' "$would"; fail "$manager could not install $package" ;;
      esac
      gone=$(printf '%s\n' "$would" | sed -n -e 's/^  *replacing  *\([^ ]*\).*/\1/p' -e '/^Transaction Summary/q' \
        -e '/^\(Remov\|Downgrad\|Replac\)[^:]*:/,/^[A-Z]/s/^ \([^ ]*\).*/\1/p' | tr '\n' ' ')
      [ -z "$gone" ] || fail "$manager would remove or downgrade something for $package: ${gone% }"
      rpm_manager -y >&2 || fail "$manager could not install $package" ;;
  esac
}

# Is it the name of a package that can be installed?
known() {
  case $(apt-cache policy -- "$package") in
    "$package:"*"Candidate: ("*) return 1 ;;
    "$package:"*"Candidate: "*) return 0 ;;
  esac
  return 1
}

apt() {
  while :; do
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -y -q -o "Acquire::Retries=2" "$@"
    code=$?
    # A machine that was switched off in the middle: apt-get does nothing before that is finished.
    if [ "$code" != 0 ] && [ -z "${finished-}" ] && grep -q -e 'dpkg --configure -a' -e 'very bad inconsistent state' "$T/log"; then
      finished=yes
      printf 'dpkg was interrupted: finishing that first\n' >&2
      as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C dpkg --force-confold --configure -a
      # What was cut off while its files came, dpkg cannot finish, and apt-get does not always see it.
      halves=$(dpkg-query -W -f '${db:Status-Want} ${db:Status-Eflag} ${binary:Package}\n' | sed -n 's/^install reinstreq //p')
      # shellcheck disable=SC2086 # names of packages, one a word
      [ -z "$halves" ] || apt install --no-remove --reinstall -- $halves
      continue
    fi
    [ "$code" != 0 ] && lock_was_held || return "$code"
    holder=$(sed -n 's/.*held by process \([0-9]*\) (\([^)]*\)).*/\2, process \1/p' "$T/log" | tail -n 1)
    wait_for "${holder:-another package manager}" || busy
  done
}

# Did the last try fail because of a lock? Lines of the tries before end in ours.
lock_was_held() {
  awk '/^waiting for /{held = 0} /Could not get lock/{held = 1} END{exit !held}' "$T/log"
}

# Runs yum or dnf, with their own wait for the lock turned off: 200 says that somebody has it.
rpm_manager() {
  while :; do
    as_root env LC_ALL=C "$manager" "$1" --setopt=exit_on_lock=1 install -- "$package" 2>&1
    code=$?
    [ "$code" = 200 ] || return "$code"
    wait_for "$(rpm_holder)" || busy
  done
}

# Who has the lock of yum or dnf: each notes its process in files of its own.
rpm_holder() {
  for file in /run/yum.pid /var/run/yum.pid /run/dnf/*.pid /var/lib/dnf/*.pid /var/cache/dnf/*.pid; do
    process=; { read -r process _ <"$file"; } 2>/dev/null || [ -n "$process" ] || continue
    { read -r name <"/proc/$process/comm"; } 2>/dev/null || continue
    printf '%s, process %s' "$name" "$process"
    return 0
  done
  printf 'another package manager'
}

# Waits a little longer for somebody; not beyond the time that there is.
wait_for() {
  holder=$1
  [ "$(date +%s)" -lt "$until" ] || return 1
  printf 'waiting for %s\n' "$1" >&2
  sleep 2
}

busy() { fail "the package manager is busy: $holder has its lock"; }

# step_fetch URL FILE ALGORITHM DIGEST MODE SECONDS: downloads into a folder of our own beside FILE,
# checks, renames.
# ALGORITHM is sha256 or sha512; an empty DIGEST allows https alone.
step_fetch() {
  url=$1 file=$2 algorithm=$3 digest=$4 mode=$5 seconds=$6
  folder=${file%/*}
  [ -d "$folder" ] || fail "there is no folder $folder"
  command -v "${algorithm}sum" >/dev/null 2>&1 || fail "${algorithm}sum is not on the host"
  # What an apply that was killed left there is ours and goes.
  for old in "$folder"/.trueup-*; do
    if [ -O "$old" ] && [ ! -L "$old" ]; then away "$old"; fi
  done
  private=$(mktemp -d "$folder/.trueup-XXXXXX") || fail_in "$folder" "cannot write in $folder"
  trap 'away "$private"' EXIT
  fetcher=
  trap 'kill $fetcher 2>/dev/null; exit 143' TERM
  cd -- "$private" && mine || fail "somebody else is at work in $folder"
  part=part
  printf '' >"$part" || fail_in "$folder" "cannot write in $folder"
  # How far it is, the account cannot see of what is root's.
  if [ -O "$T" ]; then printf '%s\n' "$private/part" >"$T/part"; fi
  free=$(free_kib "$folder")
  only=http,https also=; [ -n "$digest" ] || only=https
  # A file of the host itself may be named, and nothing may lead there.
  case $digest$url in ?*file:*) also=,file ;; esac
  # More than any such file has, and than there is room for, is not taken: a server may send for ever,
  # and not all curls look at what was not announced. In blocks of 512 bytes, as POSIX has them.
  most=$((1024 * 1024)); case $file in *.jar) most=$((128 * 1024)) ;; esac
  [ "$most" -lt "$free" ] || most=$free
  if command -v curl >/dev/null 2>&1; then
    # curl's own limit counts for each try.
    ( ulimit -f "$((most * 2))"
      exec timeout --foreground "$seconds" curl -f -S -s -L --max-time "$seconds" --retry 2 --connect-timeout 20 \
        --speed-limit 1 --speed-time 60 --max-filesize "$((most * 1024 + 1))" \
        --proto "=$only$also" --proto-redir "=$only" -D "$T/headers" -o "$part" -- "$url" 3>&- ) & fetcher=$!
  elif [ -n "$digest" ] && command -v wget >/dev/null 2>&1; then
    ( ulimit -f "$((most * 2))"
      exec timeout --foreground "$seconds" wget -nv -t 3 -T 60 -O "$part" -- "$url" 3>&- ) & fetcher=$!
  else
    fail "neither curl nor wget is there; a download without a digest needs curl"
  fi
  wait "$fetcher"; code=$?
  bytes=$(stat -c %s -- "$part")
  report bytes "$bytes"
  if [ "$code" != 0 ]; then
    length=$(tr -d '\r' <"$T/headers" 2>/dev/null | sed -n 's/^[Cc]ontent-[Ll]ength: *\([0-9]*\) *$/\1/p' | tail -n 1)
    size=; [ -z "$length" ] || size=": the download has $(mib "$((length / 1024 + 1))")"
    # 63: curl, before it begins or at the bound.
    if [ "$code" = 63 ] || [ "$bytes" -ge "$((most * 1024))" ]; then
      [ "$most" = "$free" ] || fail "the download is larger than $(mib "$most"), which no such file is"
      fail "no room in $folder${size:-: the download does not end}, $(mib "$free") are free"
    fi
    # 23 and 3: curl and wget, who could not write on, and do not say why.
    case $code in
      23|3)
        if [ "$(free_kib "$folder")" -lt 256 ]; then fail "no room in $folder$size, $(mib "$free") were free"; fi
        why=$(unwritable "$PWD/$part" "$T/headers")
        fail "cannot write the download, ${why:-in $folder or in $T}$size, $(mib "$free") were free" ;;
    esac
    report fetcher "$code"
    fail "the download failed"
  fi
  report type "$(tr -d '\r' <"$T/headers" 2>/dev/null | sed -n 's/^[Cc]ontent-[Tt]ype: *//p' | tail -n 1)"
  report start "$(head -c 15 -- "$part" | tr -dc ' -~')"
  got=$("${algorithm}sum" <"$part") || fail "${algorithm}sum cannot read $part"
  got=${got%% *}
  report digest "$got"
  [ -z "$digest" ] || [ "$got" = "$digest" ] || fail "the download's $algorithm is another one"
  if [ -z "$digest" ]; then
    case $file in
      *.jar) ends_as_zip "$part" || fail "the download is no jar" ;;
      *.zip) ends_as_zip "$part" || fail "the download is no archive" ;;
      *.tgz) gzip -t <"$part" || fail "the download is no archive" ;;
      *) tar -tf "$part" >/dev/null || fail "the download is no archive" ;;
    esac
  fi
  chmod "$mode" -- "$part" && flush "$part" && mv -f -T -- "$part" "$file" || fail_in "$folder" "cannot write $file"
  flush "$folder" || fail "cannot write to the disk what is in $folder"
}

# Does it end as a zip file ends? As in the probe.
ends_as_zip() {
  tail -c 65557 -- "$1" | od -An -v -tx1 | tr -s ' \n' ' ' | grep -q '50 4b 05 06'
}

# step_stage FOLDER: a fresh private folder for what is being unpacked; what an apply that was
# killed left there is ours and goes.
step_stage() {
  parent=${1%/*}
  [ -d "$parent" ] || mkdir -p -m 755 -- "$parent" || fail_in "${parent%/*}" "cannot make $parent"
  if [ -e "$1" ] || [ -L "$1" ]; then
    [ -O "$1" ] && [ ! -L "$1" ] || fail "$1 is in the way and belongs to another account"
    away "$1" || fail "cannot remove $1"
  fi
  mkdir -m 700 -- "$1" || fail_in "$parent" "cannot write in $parent"
}

# step_unstage FOLDER: away with it.
step_unstage() {
  if [ -O "$1" ] && [ ! -L "$1" ]; then away "$1"; fi
  # Inside of a tree it may be the only thing in a folder that was made for it.
  if [ "${1%/stage}" != "$1" ]; then rmdir -- "${1%/*}" 2>/dev/null || :; fi
}

# step_write FILE EXPECTED MODE FOLDER PAYLOAD: new contents for a file whose sha256 is still EXPECTED
# (`absent`: which is still not there). An empty MODE keeps the mode that it has. FOLDER is made where
# it is not there; it is empty where it must be.
step_write() {
  file=$1 expected=$2 mode=$3 make=$4 payload=$5 folder=${1%/*} new=${1%/*}/.trueup-${1##*/}
  if [ -n "$make" ] && [ ! -d "$make" ]; then
    mkdir -p -- "$make" || fail "cannot make the folder $make"
    flush "${make%/*}" || fail "cannot write to the disk what is in ${make%/*}"
  fi
  [ -d "$folder" ] || fail "there is no folder $folder"
  rm -f -- "$new" || fail "$new is in the way"
  trap 'rm -f -- "$new"' EXIT
  # Opened once, and written through what was opened: by its name it could be another's by then.
  set -C
  command exec 5>"$new" || fail_in "$folder" "cannot write in $folder"
  set +C
  [ "$(stat -L -c '%F %u %h' /proc/self/fd/5)" = "regular empty file $(id -u) 1" ] || fail "somebody else is at work in $folder"
  cat -- "$payload" >&5 || fail_in "$folder" "cannot write in $folder"
  if [ -e "$file" ]; then
    mode=${mode:-$(stat -c %a -- "$file")}
    # Before the mode, which the change of an owner may take bits from. Without the group: only where
    # it may do no more than everybody.
    others=${mode#"${mode%?}"} group=${mode%?}; group=${group#"${group%?}"}
    chown --reference="$file" -- /proc/self/fd/5 || [ $((group & ~others)) = 0 ] ||
      fail "cannot keep the group $(stat -c %G -- "$file") of $file: add this account to the group, or give the file another one"
    chmod "$mode" -- /proc/self/fd/5 || fail "cannot set the mode of $new"
    is=$(sha256sum <"$file"); is=${is%% *}
  else
    chmod "${mode:-644}" -- /proc/self/fd/5 || fail "cannot set the mode of $new"
    is=absent
  fi
  [ "$is" = "$expected" ] || fail "$file has changed in the meantime: run the command again"
  flush "$new" || fail_in "$folder" "cannot write in $folder"
  mv -f -T -- "$new" "$file" || fail "cannot write $file"
  [ "$file" -ef /proc/self/fd/5 ] || fail "$file is not what was written: somebody else is at work in $folder"
  flush "$folder" || fail "cannot write to the disk what is in $folder"
}

# step_unblock FILE MARKER: takes a block of ours out of a start file; all other bytes stay.
step_unblock() {
  number=0 first=0 last=0
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    if [ "$first" = 0 ]; then
      if [ "$line" = "# trueup: $2, managed" ]; then first=$number last=$number; fi
    elif [ "$line" = "# trueup: end" ]; then
      last=$number; break
    fi
  done <"$1"
  [ "$first" != 0 ] || return 0
  is=$(sha256sum <"$1") || fail "cannot read $1"
  { head -n "$((first - 1))" -- "$1"; tail -n "+$((last + 1))" -- "$1"; } | step_write "$1" "${is%% *}" '' '' - || exit 1
}

# step_tidy PATH…: away with what an apply that was killed has left, as the probe named it.
step_tidy() {
  for old; do
    case $old in */.trueup/stage) ;; *) case ${old##*/} in .trueup-*) ;; *) continue ;; esac ;; esac
    step_unstage "$old"
  done
}

# step_mode FILE MODE
step_mode() {
  [ ! -L "$1" ] || fail "$1 is a link"
  chmod "$2" -- "$1" || fail "cannot set the mode of $1"
}
