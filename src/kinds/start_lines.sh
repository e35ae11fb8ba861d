# start_lines NAME: where start files have to do with a variable, `FILE:LINE:TEXT`, in about the order in which they
# are read.
start_lines() {
  grep -n -s -e "$1" -- /etc/environment /etc/profile /etc/profile.d/*.sh /etc/bashrc /etc/bash.bashrc "$HOME/.bash_profile" \
    "$HOME/.bash_login" "$HOME/.profile" "$HOME/.bashrc" "$HOME/.bash_aliases" | head -n 50 |
    while IFS= read -r line; do say line "$line"; done
}

# blocks_ahead MARKER FILE: the sweep is odd where a block of ours with this name is in a start file of another kind.
blocks_ahead() {
  BLOCKS=${BLOCKS-$NEWLINE}$1=$2$NEWLINE; export BLOCKS
  case $SWEEP in *START_FILES*) return 0 ;; esac
  START_FILES=
  for one in /etc/environment /etc/profile.d/trueup.sh "$HOME/.bashrc" "$HOME/.bash_profile" "$HOME/.bash_login" "$HOME/.profile"; do
    if [ -f "$one" ] && [ -r "$one" ]; then START_FILES=$START_FILES$one$NEWLINE; fi
  done
  export START_FILES
  SWEEP=$SWEEP'BEGIN {
    count = split(ENVIRON["START_FILES"], files, "\n")
    for (i = 1; i < count; i++) {
      place = files[i] ~ /bashrc$/ ? "bashrc" : files[i] ~ /^\/etc\// ? files[i] : "profile"
      while ((getline text < files[i]) > 0)
        if (text ~ /^# trueup: .*, managed$/) {
          name = text; sub(/^# trueup: /, "", name); sub(/, managed$/, "", name)
          if (index(ENVIRON["BLOCKS"], "\n" name "=") && !index(ENVIRON["BLOCKS"], "\n" name "=" place "\n")) odd = 1
        }
      close(files[i])
    }
  }'
}

# left_blocks MARKER: start files beside FILE that have a block of ours with this name, and who could take it out.
left_blocks() {
  [ -n "$ODD" ] || return 0
  MARKED=${MARKED-$(grep -s -x -e '# trueup: .*, managed' -- /etc/environment /etc/profile.d/trueup.sh "$HOME/.bashrc" \
    "$HOME/.bash_profile" "$HOME/.bash_login" "$HOME/.profile")}
  rest=$MARKED
  while [ -n "$rest" ]; do
    line=${rest%%"$NEWLINE"*}; rest=${rest#"$line"}; rest=${rest#"$NEWLINE"}
    other=${line%":# trueup: $1, managed"}
    if [ "$other" = "$line" ] || [ "$other" -ef "$FILE" ]; then continue; fi
    who=nobody
    if [ -f "$other" ] && [ ! -L "$other" ] && stat_of "$other"; then
      case $other in
        "$HOME"/*) owns=$uid; if stat_of "$HOME" && [ "$uid" = "$owns" ]; then who=account; fi ;;
        *) if [ "$uid" = 0 ] && [ -O "$other" ]; then who=root; fi ;;
      esac
    fi
    say left "$who $other"
  done
}

# profile_read: says where the account's login shell reads nothing of /etc/profile.d.
profile_read() {
  case ${SHELL##*/} in
    bash|sh|dash|ash|ksh) return 0 ;;
    zsh) set -- /etc/zshenv /etc/zprofile /etc/zsh/zshenv /etc/zsh/zprofile "$HOME/.zshenv" "$HOME/.zprofile" ;;
    *) set -- /etc/fish/config.fish /etc/fish/conf.d/*.fish "$HOME/.config/fish/config.fish" "$HOME"/.config/fish/conf.d/*.fish ;;
  esac
  # What names the folder, or the file that reads it, may read it all the same.
  grep -q -s -e '^[^#]*/etc/profile' -- "$@" || say never_read "the login shell is $SHELL"
}
