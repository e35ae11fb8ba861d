# variables NAME…: has the login shell say what it exports of these, too.
variables() {
  LOGIN_VARIABLES='exec >"$TRUEUP_OUT" 7>&- || exit
printf "\n"
for TRUEUP_NAME in'
  for name; do
    case $name in ''|[!A-Za-z_]*|*[!A-Za-z0-9_]*) ;; *) LOGIN_VARIABLES="$LOGIN_VARIABLES $name" ;; esac
  done
  LOGIN_VARIABLES=$LOGIN_VARIABLES'; do
  eval "[ -z \"\${$TRUEUP_NAME+set}\" ] || printf \"%s variable %s\\n%s\\n%s -\\n\" \"\$TRUEUP_MARK\" $TRUEUP_NAME \"\$$TRUEUP_NAME\" \"\$TRUEUP_MARK\""
done
'
}
