/**
 * Our half of the dialogue with `bridge.py`, the process that is the cables of the lab: orders out as JSON lines, one
 * answer to each. `lab.ts` starts it in the namespace `wire`.
 */
import type { LinkSettings } from '../sim/link.ts';
import type { LabProcess } from './lab-process.ts';

const PATIENCE_MS = 5_000;

/** Changes of one direction of a cable; what is absent stays as it is. Words and units of the simulated links. */
export interface CableSettings extends Partial<Omit<LinkSettings, 'hops'>> {
  /** Frames that hold one of these byte strings (hex) are dropped, wherever in the frame it stands. */
  readonly dropHolding?: readonly string[];
}

export interface CableCounts {
  /** Whole Ethernet frames that entered, and their bytes. */
  readonly frames: number;
  readonly bytes: number;
  readonly udpFrames: number;
  readonly tcpFrames: number;
  /** By loss or a full queue. */
  readonly lost: number;
  /** By `dropHolding`. */
  readonly forbidden: number;
}

interface Answer {
  readonly id: number;
  readonly fault?: string;
  readonly up?: CableCounts;
  readonly down?: CableCounts;
}

export class Bridge {
  readonly #process: LabProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #sent = 0;
  #heard = 0;
  /** Why there will be no answers any more. */
  #fault: string | undefined;

  private constructor(process: LabProcess) {
    this.#process = process;
    process.onOutput(() => this.#hear());
    process.done.then(({ stderr }) => this.#fail(`the bridge process ended: ${stderr}`));
  }

  static async over(process: LabProcess): Promise<Bridge> {
    await process.saw(/"ready"/, PATIENCE_MS);
    return new Bridge(process);
  }

  /** Both interfaces must be there, and stay. */
  async join(cable: string, ends: { near: string; far: string; seed: number }): Promise<void> {
    await this.#ask({ do: 'join', cable, ...ends });
  }

  /** `up` is away from the near end. */
  async set(cable: string, direction: 'up' | 'down', change: CableSettings): Promise<void> {
    const { dropHolding = [], ...settings } = change;
    // JSON has no infinity; an unlimited rate is null there.
    const text = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [key, Number.isFinite(value) ? value : null]),
    );
    await this.#ask({ do: 'set', cable, direction, settings: text, forbidden: dropHolding });
  }

  async count(cable: string): Promise<{ readonly up: CableCounts; readonly down: CableCounts }> {
    const { up, down } = await this.#ask({ do: 'count', cable });
    if (!up || !down) throw new Error('the bridge process counted nothing');
    return { up, down };
  }

  /** Writes what enters the cable to a pcap file from now on; undefined ends that and closes the file. */
  async capture(cable: string, file: string | undefined): Promise<void> {
    await this.#ask({ do: 'capture', cable, file: file ?? '' });
  }

  async #ask(order: object): Promise<Answer> {
    if (this.#fault !== undefined) throw new Error(this.#fault);
    const id = ++this.#sent;
    const answer = await new Promise<Answer>((resolve) => {
      const timer = setTimeout(() => resolve({ id, fault: `no answer within ${PATIENCE_MS} ms` }), PATIENCE_MS);
      this.#waiting.set(id, (found) => {
        clearTimeout(timer);
        resolve(found);
      });
      this.#process.write(`${JSON.stringify({ id, ...order })}\n`);
    });
    if (answer.fault !== undefined) throw new Error(`bridge: ${JSON.stringify(order)}: ${answer.fault}`);
    return answer;
  }

  #hear(): void {
    const answers = this.#process.events().slice(1) as unknown as Answer[];
    for (const answer of answers.slice(this.#heard)) {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
    this.#heard = answers.length;
  }

  #fail(fault: string): void {
    this.#fault = fault;
    for (const [id, tell] of this.#waiting) tell({ id, fault });
    this.#waiting.clear();
  }
}
