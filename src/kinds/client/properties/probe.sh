probe_properties() {
  path_facts "$1"; shift
  for store do store_facts "$store"; done
  [ "$KIND" = file ] && [ -r "$P" ] || return 0
  content "$P"
  # Files that the file itself names. What its lines mean is decided elsewhere; a path that is no
  # store's is of no interest there. A bound, since it may be any file.
  lines=0
  while [ "$lines" -lt 2000 ] && { IFS= read -r line || [ -n "$line" ]; }; do
    lines=$((lines + 1))
    case $line in
      *ssl.truststore.location*/*|*ssl.keystore.location*/*)
        store=/${line#*/}
        while :; do case $store in *[[:space:]]) store=${store%?} ;; *) break ;; esac; done
        store_facts "$store" ;;
      *keyTab*/*)
        store=${line#*keyTab}; store=/${store#*/}
        store_facts "${store%%[\"\']*}" ;;
    esac
  done <"$P"
}
store_facts() {
  if [ ! -e "$1" ]; then say store_missing "$1"
  elif [ ! -f "$1" ] || [ ! -r "$1" ]; then say store_unreadable "$1"
  fi
}
