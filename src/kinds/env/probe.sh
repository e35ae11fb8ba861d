probe_env_here_ahead() { blocks_ahead "env $2" "$1"; }

# probe_env_here FILE NAME VALUE: whether the login shell gives the value; where it does not, or the file is the
# machine's, what is in it, and what is in the way of its end.
probe_env_here() {
  case $1 in
    /*) FILE=$1 ;;
    *)
      # shellcheck disable=SC2153  # of the login shell
      case $L_VARIABLES in *"$MARK $2=$3$MARK"*) [ -n "$ODD" ] || { say same yes; return 0; } ;; esac
      start_file "$1" ;;
  esac
  case $1 in /etc/profile.d/*) profile_read ;; esac
  left_blocks "env $2"
  path_facts "$FILE"
  if [ "$KIND" = file ] && [ -r "$P" ]; then content "$P"; fi
  start_lines "$2"
  case $1 in
    bashrc) ENDS_BASHRC=${ENDS_BASHRC-$(ends)}; ends=$ENDS_BASHRC ;;
    profile) ENDS_PROFILE=${ENDS_PROFILE-$(ends)}; ends=$ENDS_PROFILE ;;
    *) ends= ;;
  esac
  [ -z "$ends" ] || printf '%s\n' "$ends" | while IFS= read -r line; do printf '%s%s\n' "$S" "$line"; done
}

# The records of the file's end, a line each, without their section: a login shell is started for them, once a file.
ends() { S=; start_file_end "$FILE"; }
