/**
 * What shells load. Each asks `longshore __complete` with the line up to the cursor, so that a script fits every version
 * of the program.
 */
export const completionScripts = {
  // bash takes ":" for the end of a word, and types have one: what stands before it must not come again.
  bash: `_longshore() {
  local line=\${COMP_LINE:0:COMP_POINT}
  local current=\${line##* }
  local head=\${current%"\${current##*[:=]}"}
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("\${word#"$head"}")
  done < <(command longshore __complete "$line" 2>/dev/null)
}
complete -o default -F _longshore longshore
`,
  zsh: `#compdef longshore
_longshore() {
  local -a candidates
  candidates=("\${(@f)$(command longshore __complete "\${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates[1]" ]]; then compadd -a candidates; else _files; fi
}
compdef _longshore longshore
`,
  fish: `complete -c longshore -a '(command longshore __complete (commandline -cp) 2>/dev/null)'
`,
} as const;

export type Shell = keyof typeof completionScripts;
