# step_timezone NAME: sets the machine's time zone. Where systemd does not run, timedatectl is there and
# cannot do it.
step_timezone() {
  zone=/usr/share/zoneinfo/$1
  [ -f "$zone" ] || fail "there is no time zone $1 in /usr/share/zoneinfo"
  if command -v timedatectl >/dev/null 2>&1 && timedatectl set-timezone "$1"; then return 0; fi
  new=/etc/.trueup-localtime
  rm -f -- "$new" && ln -s -- "$zone" "$new" && mv -f -T -- "$new" /etc/localtime || fail "cannot write /etc/localtime"
  # Debian has the name in a file, too.
  if [ -f /etc/timezone ]; then printf '%s\n' "$1" >/etc/timezone || fail "cannot write /etc/timezone"; fi
  flush /etc || fail "cannot write to the disk what is in /etc"
}
