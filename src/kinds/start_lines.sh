# start_lines NAME: where start files have to do with a variable, `FILE:LINE:TEXT`, in about the order in which they
# are read.
start_lines() {
  grep -n -s -e "$1" -- /etc/environment /etc/profile /etc/profile.d/*.sh /etc/bashrc /etc/bash.bashrc "$HOME/.bash_profile" \
    "$HOME/.bash_login" "$HOME/.profile" "$HOME/.bashrc" "$HOME/.bash_aliases" | head -n 50 |
    while IFS= read -r line; do say line "$line"; done
}
