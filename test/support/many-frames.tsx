/** A program for a test: draws 20,000 different lines with Ink and prints by how many bytes the heap grew meanwhile. */
import { EventEmitter } from 'node:events';
import { render, Text } from 'ink';

const FRAMES = 20_000;

class Sink extends EventEmitter {
  readonly columns = 100;
  readonly rows = 30;
  write(): boolean {
    return true;
  }
}

function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const line = (frame: number) => (
  <Text wrap="truncate">
    call 00:{frame} round trip {frame % 977} ms {'#'.repeat(frame % 120)}
  </Text>
);
const stdout = new Sink() as unknown as NodeJS.WriteStream;
const ink = render(line(0), { stdout, debug: true, patchConsole: false });

async function draw(from: number, count: number): Promise<void> {
  for (let frame = from; frame < from + count; frame++) {
    ink.rerender(line(frame));
    if (frame % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function main(): Promise<void> {
  // The bounded caches fill first.
  await draw(1, FRAMES / 2);
  const before = heapBytes();
  await draw(FRAMES, FRAMES);
  process.stdout.write(String(heapBytes() - before));
  process.exit(0);
}

void main();
