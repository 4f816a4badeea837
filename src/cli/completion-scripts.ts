import { writeFishScript } from './completion-fish.ts';
import { writeShellParts } from './completion-shell.ts';
import type { CompletedCommand } from './completion-table.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What a shell loads to complete the command `longshore`. */
export function writeCompletion(shell: Shell, entries: readonly CompletedCommand[]): string {
  if (shell === 'fish') return writeFishScript(entries);
  const parts = writeShellParts(entries);
  return shell === 'bash' ? `${BASH_HEAD}${parts}${BASH_TAIL}` : `${ZSH_HEAD}${parts}${ZSH_TAIL}`;
}

const BASH_HEAD = `# bash completion of longshore. In ~/.bashrc: source <(longshore completion bash)

`;
// bash takes words apart at ":" and "=", so the line itself is read, and what bash already has is taken off the answers.
const BASH_TAIL = `
_longshore() {
  local commands flags valued values rest kind cur prefix found word
  local typed
  read -ra typed <<<"\${COMP_LINE:0:COMP_POINT}"
  case "\${COMP_LINE:0:COMP_POINT}" in *[[:space:]]) typed+=('') ;; esac
  cur="\${typed[\${#typed[@]} - 1]}"
  _longshore_walk "\${typed[@]:1:\${#typed[@]} - 2}"
  prefix=''
  case "$cur" in
    --*=*)
      if ! _longshore_kind_of "\${cur%%=*}"; then kind=''; fi
      commands='' flags='' prefix="\${cur%%=*}=" cur="\${cur#*=}" ;;
    -*) if [ -n "$flags" ]; then commands="$flags" kind=''; fi ;;
  esac
  found="$commands"
  case "$kind" in
    '' | any) ;;
    files) compopt -o default 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    '='*) found="$found \${kind#=}"; found="\${found//,/ }" ;;
    *) found="$found $("$1" __complete "$kind" -- "\${typed[@]:1}" 2>/dev/null)" ;;
  esac
  COMPREPLY=()
  for word in $found; do
    case "$word" in "$cur"*) COMPREPLY+=("$prefix$word") ;; esac
  done
  cur="$prefix$cur"
  case "$COMP_WORDBREAKS" in *=*) _longshore_cut "\${cur%"\${cur##*=}"}" ;; esac
  case "$COMP_WORDBREAKS" in *:*) _longshore_cut "\${cur%"\${cur##*:}"}" ;; esac
}

_longshore_cut() {
  local index
  case "$cur" in "$1"*) cur="\${cur#"$1"}" ;; *) return ;; esac
  for index in "\${!COMPREPLY[@]}"; do COMPREPLY[index]="\${COMPREPLY[index]#"$1"}"; done
}

complete -F _longshore longshore
`;

const ZSH_HEAD = `#compdef longshore
# zsh completion of longshore. In ~/.zshrc, after compinit: source <(longshore completion zsh)

`;
const ZSH_TAIL = `
_longshore() {
  emulate -L zsh
  setopt sh_word_split
  local commands flags valued values rest kind found
  _longshore_walk "\${(@)words[2,CURRENT - 1]}"
  case "$PREFIX" in
    --*=*)
      if ! _longshore_kind_of "\${PREFIX%%=*}"; then kind=''; fi
      commands=''
      compset -P '*=' ;;
    -*) if [ -n "$flags" ]; then commands="$flags" kind=''; fi ;;
  esac
  found="$commands"
  case "$kind" in
    '' | any) ;;
    files) _files; return ;;
    '='*) found="$found \${\${kind#=}//,/ }" ;;
    *) found="$found $("$words[1]" __complete "$kind" -- "\${(@)words[2,CURRENT]}" 2>/dev/null)" ;;
  esac
  if [ -n "$found" ]; then compadd -- $found; fi
}

if [ "\${funcstack[1]}" = _longshore ]; then
  _longshore "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef _longshore longshore
fi
`;
