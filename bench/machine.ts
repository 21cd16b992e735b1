/** The machine that is measured on, in words, and how busy it is with other things. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';

/** Above this, times are those of a machine that others use too. */
export const NOISY_LOAD = 1;

export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
}

export function thisMachine(): Machine {
  const cpus = os.cpus();
  return {
    cores: cpus.length,
    model: (cpus[0]?.model ?? 'unknown').trim(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${systemName()}, ${os.type()} ${os.release().split('-')[0]}`,
    node: process.versions.node,
  };
}

/** Average number of processes that wanted to run in the last minute. */
export function load(): number {
  return os.loadavg()[0] ?? 0;
}

export function machineText({ cores, model, memoryGiB, system, node }: Machine): string {
  return `${cores} cores ${model}, ${memoryGiB} GiB, ${system}, Node ${node}`;
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.platform();
  } catch {
    return os.platform();
  }
}
