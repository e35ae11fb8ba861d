# Ends a step.
stop() {
  case $(tr '\0' ' ' <"/proc/$1/cmdline") in *step_*) kill -TERM "-$1" ;; esac
}
