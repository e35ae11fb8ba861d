# probe_package PACKAGE: its state; where it is not installed, what installing it would do.
probe_package() {
  state=none
  # Some machines have both; apt-get and yum or dnf decide which counts.
  if command -v apt-get >/dev/null 2>&1; then
    # Of several architectures, a line each.
    state=$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' -- "$1" 2>/dev/null) || state=none
    state=${state%%"$NEWLINE"*}
  elif command -v rpm >/dev/null 2>&1; then
    # It prints that it knows no such package, too.
    if found=$(rpm -q --qf 'installed %{VERSION}-%{RELEASE}\n' -- "$1" 2>/dev/null); then state=${found%%"$NEWLINE"*}; fi
  else
    say lacks 'dpkg or rpm'
    return 0
  fi
  case $state in
    'installed '*) say version "${state#* }" ;;
    # Removed, and its configuration is there.
    none|not-installed*|config-files*) package_facts "$1" ;;
    *) say unfinished "${state%% *}"; package_facts "$1" ;;
  esac
  say seen yes
}
