probe_auth_jar() {
  path_facts "$1"
  if [ "$KIND" = file ] && [ -r "$P" ]; then need sha256sum od || return 0; fi
  at "$1"; own=$R
  for other in "${own%/*}"/*; do
    case $other in
      "$own"|*-test.jar|*-test-sources.jar|*-src.jar|*-scaladoc.jar|*-javadoc.jar|*jar.asc) ;;
      *msk-iam-auth*) if is_auth_jar "$other"; then say other "${other##*/}"; fi ;;
    esac
  done
  if [ "$2" = glob ]; then
    rest=$L_CLASSPATH:
    set -f
    while [ -n "$rest" ]; do
      entry=${rest%%:*}; rest=${rest#*:}
      case $entry in
        */\*|\*)
          set +f
          for jar in "${entry%\*}"*msk-iam-auth*.[jJ][aA][rR]; do
            if is_auth_jar "$jar"; then resolve "$jar"; say named "$R"; fi
          done
          set -f ;;
        *msk-iam-auth*) if is_auth_jar "$entry"; then resolve "$entry"; say named "$R"; fi ;;
      esac
    done
    set +f
  fi
  [ "$KIND" = file ] && [ -r "$P" ] || return 0
  hash=$(sha256sum <"$P"); say sha256 "${hash%% *}"
  if ends_as_zip "$P"; then say jar yes; else say start "$(head -c 15 -- "$P" | tr -dc ' -~')"; fi
}
# A jar that Java would load the login module from: names in a jar's directory are not compressed.
is_auth_jar() {
  [ -f "$1" ] && [ -r "$1" ] && ends_as_zip "$1" &&
    grep -q -s software/amazon/msk/auth/iam/IAMLoginModule.class -- "$1"
}
