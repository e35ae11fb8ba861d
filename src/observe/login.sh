# What a fresh terminal of this account sees: its login shell, interactive, on a terminal of its own
# where the host has `script`, in the environment that sshd would give it. Nothing here writes:
# `script` cannot (see login_look), and what start files leave running is ended.

# login_ask SECONDS: asks once. The left half of a pipe: the start files run while the right half
# reads everything else.
login_ask() {
  login_look "${LOGIN_VARIABLES-}$LOGIN_QUESTION" '-l -i' "$1"
  printf '\n%s over\n' "$MARK"
}

# login_look QUESTION FLAGS SECONDS [NAME=VALUE…]: starts the login shell with these flags and has a
# child of it run the question, a text for sh, in an environment with these values too. What that
# prints into $TRUEUP_OUT (and $TRUEUP_ERR) comes out here; both have to be pipes. `MARK late` where it
# took longer.
login_look() {
  question=$1 flags=$2 limit=$3; shift 3
  with_environment login_run "$@"
}

# login_run NAME=VALUE…: the same, with what /etc/environment says.
login_run() {
  for name in SSH_CLIENT SSH_CONNECTION MAIL XDG_SESSION_ID XDG_SESSION_TYPE XDG_SESSION_CLASS XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS; do
    eval "value=\${$name-}"
    if [ -n "$value" ]; then set -- "$@" "$name=$value"; fi
  done
  # Bash has read ~/.bashrc for this command already: of its PATH only what a login begins with.
  path= rest=$ASKED_PATH:
  while [ -n "$rest" ]; do
    entry=${rest%%:*} rest=${rest#*:}
    case $entry in
      /bin|/sbin|/usr/bin|/usr/sbin|/usr/local/bin|/usr/local/sbin|/usr/games|/usr/local/games)
        case :$path: in *:"$entry":*) ;; *) path=${path:+$path:}$entry ;; esac ;;
    esac
  done
  # The answer goes into the pipes by this process's names for them: nothing that start files do to
  # descriptors or print on the terminal comes between, and nobody inherits them.
  exec 7>&1 8>&2
  read -r self rest </proc/self/stat
  started "$rest"; eldest=$R
  set -- PATH="${path:-/usr/bin:/bin}" TERM=xterm-256color "$@" HOME="$HOME" USER="$ACCOUNT" LOGNAME="$ACCOUNT" \
    TRUEUP_SHELL="$ACCOUNT_SHELL" TRUEUP_FLAGS="$flags" TRUEUP_MARK="$MARK" TRUEUP_OUT="/proc/$self/fd/7" \
    TRUEUP_ERR="/proc/$self/fd/8" TRUEUP_ASK="$question" TRUEUP_LIMIT="$((LOOK_BLOCKS + self))"
  began=; { read -r began _ </proc/uptime; } 2>/dev/null
  if program script; then
    # `script` tells utmp and wtmp of its terminal (libutempter): a file size limit of nothing keeps
    # it and its helper from writing anything; the shell within has the limit lifted.
    ( ulimit -S -f 0; exec env -i "$@" SHELL=/bin/sh "$R" -q -c "$LOGIN_SHELL" /dev/null ) </dev/null >/dev/null 2>&1 3<&- 7>&- 8>&- &
  else
    env -i "$@" setsid /bin/sh -c "$LOGIN_SHELL" </dev/null >/dev/null 2>&1 3<&- 7>&- 8>&- &
  fi
  session=$!
  ( after "$limit" look_late ) 3<&- &
  watchdog=$! listener=
  if [ -n "${LOOK_LISTENS-}" ]; then ( read -r _ <&3; kill "$watchdog" 2>/dev/null; look_end ) & listener=$!; fi
  # The shell would report a killed job.
  { wait "$session"; } 2>/dev/null
  # shellcheck disable=SC2086  # one or two numbers
  { kill "$watchdog" $listener; wait "$watchdog" $listener; } 2>/dev/null
  look_end
}

look_late() { printf '\n%s late\n' "$MARK"; look_end; }

# Processes of a look have an odd file size limit beyond all files: it is inherited by all that they
# start, and can be read also of agents, which hide their environment. 2^43 blocks of 512 or 1024
# bytes, and the process id of the shell that looks: while one look is being ended, the next one runs.
LOOK_BLOCKS=8796093022208

# Runs within the terminal, as sh: lifts the limit and becomes the login shell.
LOGIN_SHELL='ulimit -S -f "$TRUEUP_LIMIT" 2>/dev/null || ulimit -S -f "$(ulimit -H -f)"
SHELL=$TRUEUP_SHELL flags=$TRUEUP_FLAGS; export SHELL; unset OLDPWD TRUEUP_FLAGS TRUEUP_LIMIT
if [ -n "${SSH_CONNECTION-}" ]; then
  for terminal in /dev/pts/[0-9]* /dev/tty[a-z]*; do
    if [ "$terminal" -ef /proc/self/fd/0 ]; then SSH_TTY=$terminal; export SSH_TTY; break; fi
  done
  unset terminal
fi
case $flags in -x*|--norc*)
  exec 7>"$TRUEUP_OUT" || exit
  PS4="+ $TRUEUP_MARK	\${BASH_SOURCE-}	\${FUNCNAME-}	\${LINENO-}	" BASH_XTRACEFD=7 TRUEUP_PS4=$PS4; export PS4 BASH_XTRACEFD TRUEUP_PS4 ;;
esac
unset TRUEUP_SHELL
case $flags in --norc*) exec "$SHELL" $flags -c '\''PS4=$TRUEUP_PS4; unset TRUEUP_PS4; set -x
if [ -r /etc/profile ]; then . /etc/profile; fi
for TRUEUP_FILE in ~/.bash_profile ~/.bash_login ~/.profile; do
  if [ -r "$TRUEUP_FILE" ]; then . "$TRUEUP_FILE"; break; fi
done
exec /bin/sh -c "$TRUEUP_ASK"'\'' ;;
esac
exec "$SHELL" $flags -c '\''exec /bin/sh -c "$TRUEUP_ASK"'\'

# Asked by a child of the login shell, so that only what is exported counts. What acts by the name it
# is called by (a link to another program, a script: mise, asdf, jenv) is asked what it runs, here,
# where it has its environment; a JVM itself is not started. Without -XX:-UsePerfData a JVM leaves a
# file in /tmp; the variables could bring that back. Where links lead, readlink is asked only if it
# is none of the places that are known.
LOGIN_QUESTION='exec >"$TRUEUP_OUT" 7>&- || exit
plain() {
  prefix=$1
  case $prefix/ in [!/]*|*//*|*/./*|*/../*) return 1 ;; esac
  while [ -n "$prefix" ]; do [ ! -L "$prefix" ] || return; prefix=${prefix%/*}; done
}
java=$(command -v java)
printf "\n%s classpath\n%s\n%s java_home\n%s\n%s java\n%s\n" "$TRUEUP_MARK" "${CLASSPATH-}" "$TRUEUP_MARK" "${JAVA_HOME-}" "$TRUEUP_MARK" "$java"
if [ -n "${JAVA_HOME-}" ]; then java=$JAVA_HOME/bin/java; fi
if [ -n "$java" ] && [ -x "$java" ]; then
  first= real=
  for one in "$java" /usr/lib/jvm/*/bin/java /usr/lib/jvm/*/jre/bin/java; do
    if [ "$one" -ef "$java" ] && plain "$one"; then
      real=${real:+several}; real=${real:-$one}
      [ "$one" != "$java" ] || break
    fi
  done
  case $real in /*) ;; *) real=$(readlink -f -- "$java") ;; esac
  printf "%s real\n%s\n" "$TRUEUP_MARK" "$real"
  case $real in
    */java) { IFS= read -r first <"$real"; } 2>/dev/null ;;
    *) first="#!" ;;
  esac
  case $first in
    "#!"*)
      unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS
      "$java" -XX:-UsePerfData -XshowSettings:properties -version 2>&1 </dev/null | while IFS= read -r line; do
        case $line in
          *" java.home = "*) printf "%s jvm_home\n%s\n" "$TRUEUP_MARK" "${line#*= }" ;;
          *" java.version = "*) printf "%s jvm_version\n%s\n" "$TRUEUP_MARK" "${line#*= }" ;;
        esac
      done
      printf "%s jvm_asked\nyes\n" "$TRUEUP_MARK" ;;
  esac
fi
printf "%s end\n" "$TRUEUP_MARK"'

# The processes of this look that are there, in R. They are younger than we are, and so have higher numbers,
# unless those may have begun anew meanwhile.
look_left() {
  left=$((LOOK_BLOCKS + self))
  now= last=; { read -r now _ </proc/uptime && read -r _ _ _ _ last </proc/loadavg; } 2>/dev/null
  if [ -n "$began" ] && [ "${last:-0}" -gt "$self" ] && [ "$((${now%.*} - ${began%.*}))" -lt 3 ]; then
    looks=
    for file in /proc/[0-9]*; do
      if [ "${file#/proc/}" -gt "$self" ] && is_of_look "$file"; then looks="$looks $file/"; fi
    done
    R=$looks
    return
  fi
  R=$(grep -l -s -e "Max file size  *$((left * 512)) " -e "Max file size  *$((left * 1024)) " \
    -e "TRUEUP_OUT=/proc/$self/" /proc/[0-9]*/limits /proc/[0-9]*/environ)
}

is_of_look() {
  {
    IFS= read -r line <"$1/stat" || return 1
    started "$line"
    [ "$R" -ge "$eldest" ] || return 1
    while IFS= read -r line; do
      case $line in
        "Max file size "*" $((left * 512)) "*|"Max file size "*" $((left * 1024)) "*) return 0 ;;
        "Max file size "*) break ;;
      esac
    done <"$1/limits"
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in *"TRUEUP_OUT=/proc/$self/"*) return 0 ;; esac
    done <"$1/environ"
  } 2>/dev/null
  return 1
}

# Ends them. An agent removes its socket when it is asked to end; interactive bash does not end then.
look_end() {
  round=0
  # What cannot be ended is not waited for.
  while [ "$round" -lt 20 ]; do
    look_left; alive=
    for file in $R; do
      process=${file#/proc/}; process=${process%%/*}
      { IFS= read -r words <"/proc/$process/stat"; } 2>/dev/null || continue
      case ${words##*) } in Z*) continue ;; esac
      alive=yes
      case $round$words in
        [0-4]*agent\)*) kill -s TERM "$process" 2>/dev/null ;;
        *) kill -s KILL "$process" 2>/dev/null ;;
      esac
    done
    [ -n "$alive" ] || break
    round=$((round + 1))
    sleep 0.05
  done
}

# Reads what login_ask printed, once, into L_CLASSPATH, L_JAVA_HOME, L_JAVA, L_REAL, L_JVM_… and L_STATE; says
# the variables that were asked for, and keeps them in L_VARIABLES, each as `MARK NAME=VALUEMARK`.
login_read() {
  L_CLASSPATH= L_JAVA_HOME= L_JAVA= L_REAL= L_JVM_HOME= L_JVM_VERSION= L_JVM_ASKED= L_STATE= L_VARIABLES= field=
  while IFS= read -r line; do
    case $line in
      "$MARK end") L_STATE=seen; break ;;
      "$MARK late") L_STATE=late; break ;;
      "$MARK over") break ;;
      "$MARK variable "*) field=variable variable="${line##* }=" fresh=yes; continue ;;
      "$MARK -") field=; say login_variable "$variable"; L_VARIABLES="$L_VARIABLES$MARK $variable$MARK"; continue ;;
      "$MARK "*) field=${line#"$MARK "} fresh=yes; continue ;;
    esac
    # A value may have several lines.
    if [ "$fresh" = yes ]; then fresh=no; else line=$NEWLINE$line; fi
    case $field in
      variable) variable=$variable$line ;;
      classpath) L_CLASSPATH=$L_CLASSPATH$line ;;
      java_home) L_JAVA_HOME=$L_JAVA_HOME$line ;;
      java) L_JAVA=$L_JAVA$line ;;
      real) L_REAL=$L_REAL$line ;;
      jvm_home) L_JVM_HOME=$L_JVM_HOME$line ;;
      jvm_version) L_JVM_VERSION=$L_JVM_VERSION$line ;;
      jvm_asked) L_JVM_ASKED=$line ;;
    esac
  done
}

# limits SECONDS SECONDS: how long the login shell may take to answer, and a look at where it hangs.
limits() { LOOK_SECONDS=$1 TRACE_SECONDS=$2; }

# Reads the login shell's answer from stdin. Where there was none: whether the shell took too long, and,
# of bash, in which file and line it was last.
login_facts() {
  login_read
  if [ "$L_STATE" != seen ]; then
    case $L_STATE in late) say login_late "$LOOK_SECONDS" ;; *) say login_gone yes ;; esac
    case ${ACCOUNT_SHELL##*/} in
      bash) login_trace / | while IFS= read -r line; do say "login_${line%% *}" "${line#* }"; done ;;
    esac
  fi
  say login_classpath "$L_CLASSPATH"; say login_java_home "$L_JAVA_HOME"; say login_java "$L_JAVA"
  # Without a terminal such a line ends the start files early.
  command -v script >/dev/null 2>&1 ||
    grep -n -s -e 'tty -s' -e '-t [0-2]' -- "$HOME/.bash_profile" "$HOME/.bash_login" "$HOME/.profile" "$HOME/.bashrc" "$HOME/.zprofile" "$HOME/.zshrc" |
    while IFS=: read -r file line _; do say login_terminal_test "$line $file"; break; done
}

# login_trace FILE: bash says where it is. Prints `at LINE COMMAND FILE`, where it was last of all, and
# `returned LINE`, where it left FILE by `return` and never got beyond; what an earlier line left running may be
# traced after it. No word of a start file is
# printed but the few commands that are looked for.
login_trace() {
  flags='-x -l -i'
  # Bash takes no PS4 from root's environment: it is given one, and what a login shell reads.
  if [ "$ACCOUNT_UID" = 0 ]; then flags='--norc --noprofile -i'; fi
  login_look "$LOGIN_QUESTION" "$flags" "$TRACE_SECONDS" | LOOK_FILE=$1 awk -F '\t' -v mark="$MARK" '
    index($1, mark) == 0 || $1 !~ /^\++ [0-9a-f]+$/ || $2 == "" || $2 ~ /\/\.?bash[._]*logout$/ { next }
    { split($5, words, " "); command = words[1]
      if (command !~ /^(return|exit|logout|exec|read|sleep|set)$/) command = "-"
      at = $4 " " command " " $2
      if ($2 == ENVIRON["LOOK_FILE"] && $3 == "" && $4 + 0 >= most) { last = command; most = $4 + 0 } }
    END { if (at != "") print "at " at; if (last == "return") print "returned " most }'
}

# start_file bashrc|profile: the start file that takes lines of ours, in FILE. Says where a login shell
# would never read it.
start_file() {
  login_file=
  for name in .bash_profile .bash_login .profile; do
    if [ -r "$HOME/$name" ]; then login_file=$HOME/$name; break; fi
  done
  case $1 in
    bashrc) FILE=$HOME/.bashrc ;;
    *) FILE=${login_file:-$HOME/.profile} ;;
  esac
  case ${ACCOUNT_SHELL##*/} in
    bash)
      if [ "$1" = bashrc ]; then
        # A file that sources something we cannot follow may read it all the same.
        if [ -z "$login_file" ]; then say never_read "there is no ~/.bash_profile and no ~/.profile that would source it"
        elif ! sources "$login_file"; then say never_read "$login_file does not source it"
        fi
      fi ;;
    sh|dash|ash|ksh) if [ "$1" = bashrc ]; then say never_read "the login shell is $ACCOUNT_SHELL"; elif [ "$FILE" != "$HOME/.profile" ]; then FILE=$HOME/.profile; fi ;;
    *) say never_read "the login shell is $ACCOUNT_SHELL" ;;
  esac
}

# sources FILE: does it name .bashrc, or read any other file?
sources() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *bashrc*) return 0 ;; esac
    line=${line#"${line%%[![:space:]]*}"}
    case $line in '. '*|'source '*) return 0 ;; esac
  done <"$1"
  return 1
}

# start_file_end FILE: what keeps lines at its end from being read. The shell that reads the file says
# whether it can: a here-document that is still open swallows what follows, so that not even a
# bracket too many is an error.
start_file_end() {
  [ -f "$1" ] && [ -r "$1" ] || return 0
  case ${ACCOUNT_SHELL##*/} in
    bash) set -- "$1" -O extglob ;;
    sh|dash|ash|ksh|zsh) ;;
    *) return 0 ;;
  esac
  start=$1; shift
  if ! words=$("$ACCOUNT_SHELL" "$@" -n "$start" 2>&1 </dev/null); then
    say syntax "${words%%"$NEWLINE"*}"
  elif { cat -- "$start"; printf '\n)\n'; } | "$ACCOUNT_SHELL" "$@" -n >/dev/null 2>&1; then
    say left_open yes
  elif [ "$L_STATE" = seen ] && [ "${ACCOUNT_SHELL##*/}" = bash ]; then
    login_trace "$start" | while IFS= read -r line; do
      case $line in "returned "*) say returned "${line#returned }" ;; esac
    done
  fi
}
