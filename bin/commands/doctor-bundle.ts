/**
 * `wren doctor-bundle FILE`: what somebody who helps needs to see, in one file for its owner only, with names, addresses and keys
 * taken out. Written also where no agent runs or nothing gets through, which is when it is wanted; a file that is
 * there is never replaced, and half a file never appears.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, linkSync, openSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { Refusal } from '../../src/net/protocol/failures.ts';
import { writeFileAtomic } from '../../src/store/atomic-file.ts';
import { type Mask, openMask } from './bundle-mask.ts';
import { bundleText, type Machine, type Section, sectionsOf } from './bundle-sections.ts';
import { knownWords, logEnds, profileFiles, storedSettings } from './bundle-sources.ts';
import { examined } from './check.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { type Act, type Invocation, withAgent } from './invocation.ts';
import { columns, counted } from './layout.ts';
import { examples, UsageProblem } from './usage.ts';

const AFTERWORDS = `
Makes a check, which takes up to half a minute, and writes what it found, versions, settings and
the ends of the logs to FILE, for your eyes only (0600). Names, addresses and keys are replaced by
marks; messages, passwords and invites are never read. Read it before you send it.`;

/** What influences wren; values stay here. */
const ENVIRONMENT =
  /^(WREN_.*|NO_COLOR|FORCE_COLOR|(HTTPS|HTTP|ALL|NO)_PROXY|PULSE_SERVER|SSH_CONNECTION|TMUX|STY|CI|NODE_OPTIONS|NODE_EXTRA_CA_CERTS)$/i;

export function addDoctorBundle(program: Command, act: Act): void {
  program
    .command('doctor-bundle')
    .argument('<file>', 'where to write it; must not be there yet')
    .description('diagnostics in one file to send to whoever helps, without names, addresses and keys')
    .addHelpText('after', `${examples('wren doctor-bundle wren-diagnostics.txt')}\n${AFTERWORDS}`)
    .action(act((invocation, file: string) => makeBundle(invocation, file)));
}

async function makeBundle(invocation: Invocation, file: string): Promise<ExitCode> {
  const { output } = invocation;
  const path = resolve(file);
  // Before the check, so that nobody waits for half a minute to hear it.
  reserve(path, file);
  const found = await gather(invocation);
  if (found === undefined) return EXIT.couldNot;
  const { sections, mask } = found;
  const masked = sections.map((one): Section => ({ ...one, lines: mask.text(one.lines.join('\n')).split('\n') }));
  const text = bundleText(masked, takenOut(mask), new Date().toISOString());
  putNew(path, file, text);
  const bytes = Buffer.byteLength(text);
  output.object({
    ...{ event: 'bundle', file: path, bytes, redacted: mask.counts() },
    sections: masked.map(({ name, lines }) => ({ name, lines: lines.length })),
  });
  for (const line of columns(sections.map(({ name, about }) => [`  ${name}`, about]))) output.line(line);
  output.line(`Taken out: ${takenOut(mask)}.`);
  if (!output.json)
    output.say(`Wrote ${file}, ${Math.ceil(bytes / 1024)} KiB, for your eyes only: read it before you send it.`);
  return EXIT.done;
}

/** `3 persons, 2 addresses`; kinds have regular plurals, all but one. */
function takenOut(mask: Mask): string {
  const plural = (kind: string): string => (kind === 'address' ? 'addresses' : `${kind}s`);
  const parts = Object.entries(mask.counts()).map(([kind, count]) => counted(count, kind, plural(kind)));
  return parts.join(', ') || 'nothing, since nothing of the kind was there';
}

/** Undefined when it was interrupted. */
async function gather(invocation: Invocation): Promise<{ sections: Section[]; mask: Mask } | undefined> {
  const { profileDir } = invocation;
  const interrupt = onInterrupt({ outliveTerminal: false });
  try {
    invocation.output.say('Looking at everything; this takes up to half a minute.');
    const steps = await examined(invocation, { name: undefined, stop: interrupt.signal });
    if (interrupt.signal.aborted) return undefined;
    const { state, agent, soundDevices } = await agentSees(invocation);
    const sections = sectionsOf({
      ...{ machine: machineOf(invocation), steps, state, agent },
      settings: storedSettings(profileDir),
      files: profileFiles(profileDir),
      logs: logEnds(profileDir, soundDevices !== undefined),
    });
    return { sections, mask: openMask(knownWords(profileDir, state, soundDevices ?? [])) };
  } finally {
    interrupt.release();
  }
}

/** What the agent that runs tells; nothing where none does. */
async function agentSees(invocation: Invocation) {
  try {
    return await withAgent(invocation, { start: false, audio: 'per-call' }, async (agent) => ({
      state: await agent.request({ type: 'status' }),
      agent: await agent.request({ type: 'agent.status' }),
      soundDevices: await agent.request({ type: 'sound.devices' }).then(
        ({ inputs, outputs }) => [...inputs, ...outputs].flatMap(({ name, description }) => [name, description]),
        () => undefined,
      ),
    }));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { state: undefined, agent: undefined, soundDevices: undefined };
  }
}

function machineOf({ version, env }: Invocation): Machine {
  const { columns: width, rows } = process.stdout;
  const size = width === undefined ? 'no terminal' : `${env.TERM ?? 'TERM not set'}, ${width}x${rows}`;
  return {
    ...{ wren: version, node: process.version, platform: `${process.platform} ${process.arch}`, release: release() },
    ...{ processors: availableParallelism(), memoryMiB: Math.round(totalmem() / 1_048_576), terminal: size },
    utf8: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
    environment: Object.keys(env)
      .filter((key) => ENVIRONMENT.test(key))
      .sort(),
  };
}

function isThere(path: string, file: string): UsageProblem {
  return new UsageProblem(`${file} is there already, and is not replaced`, `wren doctor-bundle ${basename(path)}.2`);
}

/** Throws when nothing can be put there. Leaves nothing behind. */
function reserve(path: string, file: string): void {
  putNew(path, file, '');
  rmSync(path, { force: true });
}

/** Whole under its name or not at all, and never in place of another: a link, unlike a rename, refuses that. */
function putNew(path: string, file: string, text: string): void {
  const aside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.new`);
  try {
    writeFileAtomic(aside, text);
    giveName(aside, path);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw isThere(path, file);
    throw new UsageProblem(`${file} cannot be written (${code})`, 'wren doctor-bundle ~/wren-diagnostics.txt');
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Where there are no links (FAT, some network drives) the name is taken first, by an empty file. */
function giveName(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    closeSync(openSync(path, 'wx', 0o600));
    renameSync(aside, path);
  }
}
