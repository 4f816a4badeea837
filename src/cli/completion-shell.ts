import type { CompletedCommand, ValueKind } from './completion-table.ts';

/** For bash and zsh: what may follow each command, and how to find the command among the words before the cursor. */
export function writeShellParts(entries: readonly CompletedCommand[]): string {
  return `_longshore_at() {
  case "$1" in
${entries.map(writeCase).join('\n')}
  esac
}

_longshore_has() {
  case " $1 " in *" $2 "*) return 0 ;; *) return 1 ;; esac
}

# The kind of the value of a flag; fails for a flag without one.
_longshore_kind_of() {
  local each
  for each in $valued; do
    case "$each" in "$1:"*) kind="\${each#*:}"; return 0 ;; esac
  done
  return 1
}

# Takes the words before the one that is being written; sets what may come there.
_longshore_walk() {
  local word path='' position=0 pending=''
  _longshore_at ''
  for word in "$@"; do
    if [ -n "$pending" ]; then pending=''; continue; fi
    case "$word" in
      --*=*) ;;
      -*) if _longshore_kind_of "$word"; then pending="$kind"; fi ;;
      *)
        if [ "$position" = 0 ] && _longshore_has "$commands" "$word"; then
          path="\${path:+$path }$word"
          _longshore_at "$path"
        else
          position=$((position + 1))
        fi ;;
    esac
  done
  kind="$pending"
  if [ -n "$kind" ]; then commands='' flags=''; return; fi
  if [ "$position" != 0 ]; then commands=''; fi
  for word in $values; do
    kind="$word"
    if [ "$position" = 0 ]; then return; fi
    position=$((position - 1))
  done
  if [ -z "$rest" ]; then kind=''; fi
}
`;
}

/** Everything in a case is a list of words, of which none has a character that a shell would touch. */
function writeCase({ path, commands, flags, values, isVariadic }: CompletedCommand): string {
  const valued = flags.flatMap(({ names, value }) => (value ? names.map((name) => `${name}:${writeKind(value)}`) : []));
  const lists = {
    commands: commands.map(({ name }) => name),
    flags: flags.flatMap(({ names }) => names),
    valued,
    values: values.map(writeKind),
    rest: isVariadic ? ['yes'] : [],
  };
  const assignments = Object.entries(lists).map(([name, words]) => `${name}='${words.join(' ')}'`);
  return `    '${path}') ${assignments.join(' ')} ;;`;
}

/** `types` or `=red,green` */
function writeKind(kind: ValueKind): string {
  return typeof kind === 'string' ? kind : `=${kind.join(',')}`;
}
