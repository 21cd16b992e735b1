/** Completion for fish, with what each word does beside it, made of the table behind `--help`. Pure. */
import { everyCommand, type TableCommand, type Wanted } from './command-table.ts';
import { flagsOf, pathText } from './completion-tables.ts';

export function fishCompletion(table: TableCommand): string {
  const all = everyCommand(table);
  const paths = all.filter(({ path }) => path.length > 0).map((one) => quote(pathText(one)));
  const taking = [
    ...new Set(all.flatMap(({ flags }) => flags.filter(({ wants }) => wants).flatMap(({ names }) => names))),
  ];
  return `# Completion of wren for fish. Made by: wren completion fish
# To have it in every shell: wren completion fish > ~/.config/fish/completions/wren.fish
function __wren_place --description 'the command that is being typed, and how many arguments it has'
  set -l path ''
  set -l at 0
  set -l pending 0
  set -l paths ${paths.join(' ')}
  for word in (commandline -opc)[2..-1]
    if test $pending = 1
      set pending 0
      continue
    end
    switch $word
      case ${taking.map(quote).join(' ')}
        set pending 1
      case '-*'
      case '*'
        set -l longer (string trim "$path $word")
        if test $at = 0; and contains -- $longer $paths
          set path $longer
        else
          set at (math $at + 1)
        end
    end
  end
  echo $path
  echo $at
end
function __wren_in --argument-names path
  set -l place (__wren_place)
  test "$place[1]" = "$path"
end
function __wren_at --argument-names path from to
  set -l place (__wren_place)
  test "$place[1]" = "$path"; and test $place[2] -ge $from; and test $place[2] -le $to
end
function __wren_names
  set -l words (commandline -opc)
  set -l profile
  set -l at (contains -i -- --profile $words); and set profile --profile $words[(math $at + 1)]
  $words[1] $profile completion --names 2>/dev/null
end
complete -c wren -e
complete -c wren -f
${all.flatMap((one) => [...wordLines(one), ...argumentLines(one), ...flagLines(one, table)]).join('\n')}
`;
}

function wordLines(command: TableCommand): string[] {
  return command.commands.map(
    ({ path, about }) =>
      `complete -c wren -n ${quote(`__wren_at ${quote(pathText(command))} 0 0`)} -a ${quote(path.at(-1) ?? '')} -d ${quote(about)}`,
  );
}

function argumentLines(command: TableCommand): string[] {
  return command.arguments.flatMap(({ wants, variadic }, at) => {
    const offered = offer(wants);
    const until = variadic ? 99 : at;
    const place = quote(`__wren_at ${quote(pathText(command))} ${at} ${until}`);
    return offered === '' ? [] : [`complete -c wren -n ${place} ${offered}`];
  });
}

function flagLines(command: TableCommand, table: TableCommand): string[] {
  return flagsOf(command, table).map(({ names, about, wants }) => {
    const spelled = names
      .map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
      .join(' ');
    const value = wants === undefined ? '' : ` ${wants.kind === 'files' ? '-r' : '-x'} ${offer(wants)}`.trimEnd();
    return `complete -c wren -n ${quote(`__wren_in ${quote(pathText(command))}`)} ${spelled}${value} -d ${quote(about)}`;
  });
}

function offer(wants: Wanted): string {
  if (wants.kind === 'words') return `-a ${quote(wants.words.join(' '))}`;
  if (wants.kind === 'names') return "-a '(__wren_names)'";
  if (wants.kind === 'folders') return "-a '(__fish_complete_directories)'";
  return wants.kind === 'files' ? '-F' : '';
}

/** Single quotes of fish know two escapes. */
function quote(words: string): string {
  return `'${words.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
