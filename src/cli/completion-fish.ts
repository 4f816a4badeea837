import type { CompletedCommand, CompletedFlag, ValueKind } from './completion-table.ts';

/** One `complete` for each command and flag, with its description. */
export function writeFishScript(entries: readonly CompletedCommand[]): string {
  const paths = entries.map(({ path }) => path).filter((path) => path !== '');
  const valued = new Set(entries.flatMap(({ flags }) => flags.flatMap(({ names, value }) => (value ? names : []))));
  return `# fish completion of longshore. In ~/.config/fish/config.fish: longshore completion fish | source

# The command that the words before the cursor name, and how many arguments it has already.
function __longshore_walk
    set -l path
    set -l position 0
    set -l pending 0
    for word in (commandline -opc)[2..-1]
        if test $pending = 1
            set pending 0
            continue
        end
        switch $word
            case '--*=*'
            case '-*'
                contains -- $word ${[...valued].join(' ')}; and set pending 1
            case '*'
                if test $position = 0; and contains -- (string join ' ' $path $word) ${paths.map(quote).join(' ')}
                    set -a path $word
                else
                    set position (math $position + 1)
                end
        end
    end
    echo (string join ' ' $path)
    echo $position
end

function __longshore_is
    set -l walked (__longshore_walk)
    test "$walked[1]" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    test $walked[2] = $argv[2]; or test "$argv[3]" = more -a $walked[2] -gt $argv[2]
end

function __longshore_names
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] __complete $argv[1] -- $words[2..-1] 2>/dev/null
end

complete -c longshore -f
${entries.flatMap(writeCommand).join('\n')}
`;
}

function writeCommand({ path, commands, flags, values, isVariadic }: CompletedCommand): string[] {
  const isHere = (...more: string[]) => `-n ${quote(['__longshore_is', quote(path), ...more].join(' '))}`;
  return [
    ...commands.map(({ name, description }) => writeLine(isHere('0'), `-a ${name}`, describe(description))),
    ...flags.map((flag) => writeLine(isHere(), writeFlag(flag), describe(flag.description))),
    ...values.flatMap((kind, index) => {
      const more = isVariadic && index === values.length - 1 ? ['more'] : [];
      return kind === 'any' ? [] : [writeLine(isHere(String(index), ...more), writeValue(kind))];
    }),
  ];
}

function writeLine(...parts: string[]): string {
  return ['complete -c longshore', ...parts].join(' ');
}

function writeFlag({ names, value }: CompletedFlag): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [...flags, ...(value ? [value === 'files' ? '-r' : '-x', writeValue(value)] : [])].join(' ').trim();
}

function writeValue(kind: ValueKind): string {
  if (kind === 'any') return '';
  if (kind === 'files') return '-F';
  return `-a ${quote(typeof kind === 'string' ? `(__longshore_names ${kind})` : kind.join(' '))}`;
}

function describe(text: string): string {
  return `-d ${quote(text.split(/[;(]/)[0]?.trim() ?? '')}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
