# Completes the line "$1" as readline does for a line that bash broke into the other arguments, and prints COMPREPLY.
# Loaded twice, because a shell that reads its start-up file again must not complain.
source <(nexus completion bash)
source <(nexus completion bash)
COMP_LINE=$1
COMP_POINT=${#COMP_LINE}
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_nexus_completion nexus "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
