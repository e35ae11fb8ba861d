# root_facts SECTION…: runs ROOT, which says what root sees of these sections; where root cannot be had,
# that is reported of each.
root_facts() {
  if [ "$ACCOUNT_UID" = 0 ]; then
    L_CLASSPATH=${L_CLASSPATH-} sh -c "$ROOT" </dev/null
    return
  fi
  { why=$(sudo -n env "HOME=$HOME" "SHELL=$ACCOUNT_SHELL" "L_CLASSPATH=${L_CLASSPATH-}" sh -c "$ROOT" 2>&1 >&7 7>&- </dev/null); } 7>&1 && return
  why=${why##*"$NEWLINE"}
  for S; do say no_root "${why:-sudo ended without a word}"; done
}
