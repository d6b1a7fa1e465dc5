export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/*
 * Every script sends the command line up to the cursor, as typed, to `nexus __complete` and inserts what comes back.
 * Nothing that was typed is ever evaluated, candidates are quoted as they are inserted, and bash-completion is not needed.
 * The answer's first line says what to offer (`words`, `files`, `directories`); the others are `word<TAB>description`.
 */

/** Bash breaks words at `=`, `:` and `@` (COMP_WORDBREAKS) and replaces only what follows, so what precedes is cut off. */
const BASH = `# bash completion for nexus
# Load it now:        source <(nexus completion bash)
# Load it always:     nexus completion bash > ~/.local/share/bash-completion/completions/nexus
_nexus_completion() {
  local line=\${COMP_LINE:0:COMP_POINT} kind='' word description quoted kept='' broken
  local current=\${COMP_WORDS[COMP_CWORD]}
  [[ $current == [=:@] ]] && current=''
  broken=\${line##*[[:space:]]}
  [[ $broken == *=* && $COMP_WORDBREAKS == *=* ]] && kept=\${broken%"\${broken##*=}"}
  [[ $broken == *:* && $COMP_WORDBREAKS == *:* ]] && kept=\${broken%"\${broken##*[=:]}"}
  [[ $broken == *@* && $COMP_WORDBREAKS == *@* ]] && kept=\${broken%"\${broken##*[=:@]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word description; do
    if [[ -z $kind ]]; then
      kind=$word
      continue
    fi
    printf -v quoted '%q' "\${word#"$kept"}"
    COMPREPLY+=("$quoted")
  done < <("$1" __complete "$line" 2>/dev/null)
  case $kind in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
  esac
}
complete -F _nexus_completion nexus`;

const ZSH = `#compdef nexus
# zsh completion for nexus
# Load it now:        source <(nexus completion zsh)
# Load it always:     mkdir -p ~/.zfunc; nexus completion zsh > ~/.zfunc/_nexus    (with ~/.zfunc in fpath before compinit)
_nexus() {
  local line="\${(j: :)words[1,CURRENT]}" kind='' word description
  local -a candidates
  while IFS=$'\\t' read -r word description; do
    if [[ -z $kind ]]; then
      kind=$word
      continue
    fi
    candidates+=("\${word//:/\\\\:}:$description")
  done < <("\${words[1]}" __complete "$line" 2>/dev/null)
  case $kind in
    files) [[ $PREFIX == --*=* ]] && compset -P '*='; _files ;;
    directories) [[ $PREFIX == --*=* ]] && compset -P '*='; _files -/ ;;
    words) (( \${#candidates} )) && _describe -t nexus nexus candidates ;;
  esac
}
if [[ \${funcstack[1]} == _nexus ]]; then
  _nexus
else
  compdef _nexus nexus
fi`;

const FISH = `# fish completion for nexus
# Load it now:        nexus completion fish | source
# Load it always:     nexus completion fish > ~/.config/fish/completions/nexus.fish
function __nexus_complete
    set -l answer (command nexus __complete (commandline -cp) 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct)
        case directories
            __fish_complete_directories (commandline -ct)
        case words
            printf '%s\\n' $answer[2..-1]
    end
end
complete -c nexus -f -a '(__nexus_complete)'`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
