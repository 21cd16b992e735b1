/**
 * The man page, made of the same table as `--help`: `wren man` prints it, the build puts it into the package, and npm links
 * it where `man wren` finds it. In the macros of man(7), so that man-db, mandoc and BSD read it alike. Pure.
 */
import {
  everyCommand,
  goesEverywhere,
  type TableArgument,
  type TableCommand,
  type TableFlag,
} from './command-table.ts';
import { ENVIRONMENT, EXIT_CODES, FILES } from './reference.ts';

/** `version`: of the program. The date is left out, so that the same program makes the same page. */
export function manPage(table: TableCommand, version: string): string {
  const lines = [
    `.TH WREN 1 "" "wren ${version}" "User Commands"`,
    '.SH NAME',
    'wren \\- phone calls and chat from any terminal',
    '.SH SYNOPSIS',
    '.B wren',
    '.RI [ flags ]',
    '.RI [ command " [" arguments ]]',
    '.SH DESCRIPTION',
    text(table.about),
    '.PP',
    'Without a command the screen opens; on a first run it walks you through joining a network. Every command',
    'works without a screen too, and with',
    '.B \\-\\-json',
    'prints one object a line. An agent in the background holds calls and messages; whichever command needs it starts it.',
    '.SH OPTIONS',
    'These go with every command:',
    ...table.flags.filter(goesEverywhere).flatMap(flagLines),
    '.PP',
    'These belong to',
    '.B wren',
    'without a command:',
    ...table.flags.filter((flag) => !goesEverywhere(flag)).flatMap(flagLines),
    '.SH COMMANDS',
    ...commandLines(table),
    '.SH "EXIT STATUS"',
    ...EXIT_CODES.flatMap(([code, , about]) => entry(code, about)),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, about]) => entry(name, about)),
    '.SH FILES',
    'In the state folder, which is',
    '.IR ~/.config/wren ,',
    'or what the system has for settings, unless',
    '.B \\-\\-profile',
    'or',
    '.B WREN_PROFILE',
    'names another:',
    ...FILES.flatMap(([name, about]) => entry(name, about)),
    '.SH EXAMPLES',
    ...exampleLines(table.afterwords),
    '.SH "SEE ALSO"',
    '.BR ssh (1),',
    '.BR man (1)',
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(table: TableCommand): string[] {
  const groups = [...new Set(table.commands.map(({ group }) => group))];
  return groups.flatMap((group) => [
    `.SS ${quoted(group.replace(/:$/, ''))}`,
    ...table.commands.filter((one) => one.group === group).flatMap((one) => everyCommand(one).flatMap(oneCommand)),
  ]);
}

/** Commands that only hold others, and take nothing themselves, are left to these. */
function oneCommand(command: TableCommand): string[] {
  const { path, about, flags, afterwords } = command;
  const rest = command.arguments.map(argumentWords).join(' ');
  const isGroup = command.commands.length > 0 && rest === '' && flags.length === 0;
  const synopsis = `\\fBwren ${roff(path.join(' '))}\\fR${rest === '' ? '' : ` ${rest}`}${isGroup ? ' \\fIcommand\\fR' : ''}`;
  const said = command.arguments
    .filter(({ about, wants }) => about !== '' || wants.kind === 'words')
    .map(({ name, about, wants }) => {
      const choices = wants.kind === 'words' ? wants.words.join(', ') : '';
      return `\\fI${roff(name)}\\fR: ${text([about, choices].filter((one) => one !== '').join(': '))}.`;
    });
  return [
    '.TP',
    synopsis,
    text(sentence(about)),
    ...said,
    ...(flags.length > 0 ? ['.RS', ...flags.flatMap(flagLines), '.RE'] : []),
    ...(afterwords === '' ? [] : ['.RS', ...exampleLines(afterwords), '.RE']),
  ];
}

function argumentWords({ name, required, variadic }: TableArgument): string {
  const word = `\\fI${roff(name)}\\fR${variadic ? '...' : ''}`;
  return required ? word : `[${word}]`;
}

function flagLines({ flags, about, wants }: TableFlag): string[] {
  const shown = flags
    .split(/(<[^>]+>|\[[^\]]+\])/)
    .map((part, at) => (at % 2 === 1 ? `\\fI${roff(part)}\\fR` : part && `\\fB${roff(part)}\\fR`));
  const choices = wants?.kind === 'words' && !about.includes(wants.words[0] ?? '') ? `: ${wants.words.join(', ')}` : '';
  return ['.TP', shown.join(''), text(`${about}${choices}.`)];
}

function entry(name: string, about: string): string[] {
  return ['.TP', `.B ${quoted(name)}`, text(about)];
}

/** As they are, so that a line can be copied. */
function exampleLines(afterwords: string): string[] {
  return ['.PP', '.nf', ...afterwords.split('\n').map(text), '.fi'];
}

function sentence(about: string): string {
  const first = `${about.charAt(0).toUpperCase()}${about.slice(1)}`;
  return /[.!?]$/.test(first) || first === '' ? first : `${first}.`;
}

/** A line of its own: one that begins with a dot or a quote would be a command to the typesetter. */
function text(words: string): string {
  const escaped = roff(words);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** Hyphens that can be copied, and no backslash that means anything. */
function roff(words: string): string {
  return words.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('~', '\\(ti').replaceAll('^', '\\(ha');
}

function quoted(words: string): string {
  return `"${roff(words).replaceAll('"', '\\(dq')}"`;
}
