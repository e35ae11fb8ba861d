probe_java_ahead() {
  blocks_ahead JAVA_HOME "$2"
  [ -r /var/lib/dpkg/status ] || return 0
  JAVA_PACKAGE=$S$NEWLINE$3
  for one in /var/lib/dpkg/status /var/lib/dpkg/updates/*; do
    if [ -f "$one" ] && [ -r "$one" ]; then JAVA_PACKAGE=$JAVA_PACKAGE$NEWLINE$one; fi
  done
  export JAVA_PACKAGE
  SWEEP=$SWEEP'BEGIN {
    count = split(ENVIRON["JAVA_PACKAGE"], files, "\n"); section = files[1]; states = ""
    for (i = 3; i <= count; i++)
      while ((getline text < files[i]) > 0)
        if (text == "Package: " files[2] || text == "Package: ca-certificates-java") {
          states = states text "\n"
          if ((getline text < files[i]) > 0) states = states text "\n"
        }
    say("dpkg", states)
  }'
}
probe_java() {
  wanted=$1 place=$2 real= there= VERSION=
  if [ -n "$L_JAVA_HOME" ]; then java=$L_JAVA_HOME/bin/java; say java_home "$L_JAVA_HOME"; else java=$L_JAVA; fi
  if [ -n "$java" ] && [ -x "$java" ]; then
    if [ -n "$L_JVM_ASKED" ]; then
      say home "${L_JVM_HOME:-${java%/bin/java}}"
      real=$L_JVM_HOME/bin/java VERSION=$L_JVM_VERSION
    else
      real=$L_REAL
      say home "${real%/bin/java}"
      java_version "$real"
    fi
    say version "$VERSION"
  else
    say absent yes
  fi
  if is_wanted; then
    if [ -n "$L_JAVA_HOME" ] && [ -n "$ODD" ]; then java_file; fi
    return 0
  fi
  for home in /usr/lib/jvm/*; do
    if [ -x "$home/bin/java" ]; then other=$home
    elif [ -x "$home/jre/bin/java" ]; then other=$home/jre
    else continue
    fi
    if [ -L "$home" ]; then
      resolve "$other/bin/java"; say jvm_link "$other ${R%/bin/java}"
      continue
    fi
    resolve "$other/bin/java"
    [ "$R" != "$real" ] || continue
    java_release "$other"
    if [ -z "$VERSION" ]; then java_package "$R"; fi
    if [ -n "$VERSION" ]; then say other "$VERSION ${R%/bin/java}"; fi
    if is_wanted; then there=yes; fi
  done
  if [ -z "$there" ] && [ -z "$L_JAVA_HOME" ]; then package_facts "$3"; fi
  java_file
}
java_file() {
  start_file "$place"
  left_blocks JAVA_HOME
  path_facts "$FILE"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
  start_file_end "$FILE"
}
is_wanted() {
  found=${VERSION#*:}; found=${found#1.}
  case $found in "$wanted"|"$wanted"[!0-9]*) return 0 ;; esac
  return 1
}
java_release() {
  VERSION=
  for release in "$1/release" "${1%/*}/release"; do
    if [ -r "$release" ]; then
      while IFS='=' read -r name value; do
        if [ "$name" = JAVA_VERSION ]; then value=${value#\"}; VERSION=${value%\"}; return 0; fi
      done <"$release"
    fi
  done
}
java_package() {
  if command -v rpm >/dev/null 2>&1; then
    VERSION=$(rpm -q --qf '%{VERSION}' -f "$1" 2>/dev/null) || VERSION=
  fi
  if [ -z "$VERSION" ] && command -v dpkg-query >/dev/null 2>&1; then
    package=$(dpkg-query -S "$1" 2>/dev/null) && VERSION=$(dpkg-query -W -f '${Version}' "${package%%: *}" 2>/dev/null) || VERSION=
  fi
}
java_version() {
  java_release "${1%/bin/java}"
  if [ -z "$VERSION" ]; then java_package "$1"; fi
  if [ -n "$VERSION" ]; then return 0; fi
  # The launcher knows it by itself, with its build: `1.8.0_412-b08`, `17.0.15+6-Debian-1`.
  VERSION=$(unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS; "$1" -fullversion 2>&1 </dev/null)
  case $VERSION in
    *' full version "'[0-9]*)
      VERSION=${VERSION#*' full version "'}; VERSION=${VERSION%%\"*}
      VERSION=${VERSION%%+*}; VERSION=${VERSION%-b[0-9]*}; VERSION=${VERSION%%-[0-9]*} ;;
    *)
      # With its performance data a JVM leaves a file in /tmp.
      VERSION=$(unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS
        "$1" -XX:-UsePerfData -version 2>&1 </dev/null | sed -n 's/.*version "\([^"]*\)".*/\1/p')
      VERSION=${VERSION%%"$NEWLINE"*} ;;
  esac
}
