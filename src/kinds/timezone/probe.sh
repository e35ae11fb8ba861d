# probe_timezone NAME: what /etc/localtime is, and whether that is the zone of this name. It is a link on
# most machines, and a copy on some.
probe_timezone() {
  zones=/usr/share/zoneinfo
  if [ -f "$zones/$1" ]; then say known yes; fi
  if [ -L /etc/localtime ]; then
    name=$(readlink -- /etc/localtime)
    say name "${name##*/zoneinfo/}"
  elif [ -f /etc/localtime ]; then
    say name 'a copy'
  fi
  if [ -f "$zones/$1" ] && cmp -s -- "$zones/$1" /etc/localtime; then say same yes; fi
  say seen yes
}
