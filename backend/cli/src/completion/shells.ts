import type { CompletedCommand, CompletedOption } from './tree.ts';

/** A shell for which there is a completion script. */
export type Shell = 'bash' | 'zsh' | 'fish';

/** The completion script of each shell. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash,
  zsh,
  fish,
};

function bash(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, options, words, takesFile }) => {
    const all = [...words, ...options.flatMap(({ flags }) => flags)].join(' ');
    const files = flagsWith(options, ({ isFile }) => isFile);
    const values = flagsWith(options, ({ takesValue, isFile }) => takesValue && !isFile);
    return [
      `    ${name})`,
      ...(files ? [`      case "$previous" in ${files}) COMPREPLY=($(compgen -f -- "$word")); return ;; esac`] : []),
      ...(values ? [`      case "$previous" in ${values}) return ;; esac`] : []),
      `      COMPREPLY=($(compgen ${takesFile ? '-f ' : ''}-W '${all}' -- "$word")) ;;`,
    ].join('\n');
  });
  return `# bash completion of clearway: source this file, or put it into /etc/bash_completion.d
_clearway() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} help --help' -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
}
complete -o filenames -F _clearway clearway
`;
}

/** The flags of some options as a pattern of bash's case. */
function flagsWith(options: readonly CompletedOption[], wanted: (option: CompletedOption) => boolean): string {
  return options
    .filter(wanted)
    .flatMap(({ flags }) => flags)
    .join('|');
}

function zsh(commands: readonly CompletedCommand[]): string {
  const names = commands
    .map(({ name, summary }) => `    '${name}:${quoted(summary).replaceAll(':', '\\:')}'`)
    .join('\n');
  const cases = commands.map(({ name, options, words, takesFile }) => {
    const specs = options.map(zshOption);
    if (words.length > 0) specs.push(`'1:${name}:(${words.join(' ')})'`);
    else if (takesFile) specs.push(`'1:file:_files'`);
    return `    ${name}) _arguments ${specs.join(' \\\n      ')} ;;`;
  });
  return `#compdef clearway
# zsh completion of clearway: put this file into a folder of $fpath, as _clearway
_clearway() {
  local -a commands
  commands=(
${names}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
${cases.join('\n')}
  esac
}
# loaded by compinit from $fpath: this is the first use; sourced: register
if [[ $funcstack[1] == _clearway ]]; then _clearway "$@"; else compdef _clearway clearway; fi
`;
}

function zshOption({ flags, description, takesValue, isFile }: CompletedOption): string {
  const value = takesValue ? `:value:${isFile ? '_files' : ' '}` : '';
  const text = `[${quoted(description).replaceAll(/[[\]]/g, '\\$&')}]${value}`;
  const [first = '', second] = flags;
  return second === undefined ? `'${first}${text}'` : `'(${flags.join(' ')})'{${flags.join(',')}}'${text}'`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, summary, options, words, takesFile }) => {
    const inside = `complete -c clearway -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c clearway -f -n __fish_use_subcommand -a ${name} -d '${quoted(summary)}'`,
      ...options.map((option) => `${inside} ${fishOption(option)}`),
      ...words.map((word) => `${inside} -f -a ${word}`),
      ...(takesFile ? [`${inside} -F`] : words.length > 0 ? [] : [`${inside} -f`]),
    ];
  });
  return `# fish completion of clearway: put this file into ~/.config/fish/completions, as clearway.fish\n${lines.join('\n')}\n`;
}

function fishOption({ flags, description, takesValue, isFile }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
  return `${names}${takesValue ? (isFile ? ' -rF' : ' -x') : ''} -d '${quoted(description)}'`;
}

/** A text that may stand within single quotes: the shells escape quotes in different ways, so there are none. */
function quoted(text: string): string {
  return text.replaceAll("'", '’');
}
