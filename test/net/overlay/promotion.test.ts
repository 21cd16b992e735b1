/** The judge of promotion: what it waits for, what it asks, when it lets go; and that nobody serves who has not said yes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Consent,
  type Exposure,
  type Machine,
  Promotion,
  type PromotionOutput,
} from '../../../src/net/overlay/promotion.ts';
import {
  PROMOTION_BAD_MS,
  PROMOTION_CHECK_MS,
  PROMOTION_NEED_MS,
  PROMOTION_REST_MS,
  PROMOTION_RETRY_MS,
  PROMOTION_UPTIME_MS,
} from '../../../src/net/protocol/overlay-params.ts';

const IDLE: Machine = { busyPercent: 3, freeMemoryBytes: 4_000_000_000 };
const FAST = 10_000_000;

class Scene {
  readonly judge = new Promotion();
  now = 1_000;
  asked: string[] = [];
  network = { supernodes: 4, loadPermille: 100 };
  /** How many of those asked come, by each carrier. */
  udp = 3;
  tcp = 3;
  upBitsPerSecond = FAST;
  enrols = true;

  constructor(consent: Consent = 'yes', exposure: Exposure = 'open', machine = IDLE) {
    this.judge.setConsent(this.now, consent);
    this.judge.setMachine(this.now, machine);
    this.judge.setExposure(this.now, exposure);
    this.judge.setAttached(this.now, true);
    this.settle();
  }

  get role() {
    return this.judge.judgementAt(this.now).role;
  }

  get why() {
    return this.judge.judgementAt(this.now).why;
  }

  /** Time passes, by the judge's own alarms. */
  pass(ms: number): this {
    const end = this.now + ms;
    for (let at = this.judge.wakeAt(); at <= end; at = this.judge.wakeAt()) {
      expect(at).toBeGreaterThanOrEqual(this.now);
      this.now = at;
      this.judge.wake(this.now);
      this.settle();
    }
    this.now = end;
    return this;
  }

  settle(): this {
    for (let said = this.judge.drain(); said.length > 0; said = this.judge.drain()) {
      for (const one of said) this.#on(one);
    }
    return this;
  }

  #on(output: PromotionOutput): void {
    const { judge, now } = this;
    if (output.type !== 'judged') this.asked.push(output.type);
    if (output.type === 'look') judge.setNetwork(now, this.network);
    else if (output.type === 'open') judge.opened(now);
    else if (output.type === 'train') judge.measured(now, this.upBitsPerSecond);
    else if (output.type === 'serve') this.#enrol();
    else if (output.type === 'leave') judge.closed(now);
    else if (output.type === 'ask') {
      judge.told(now, Math.min(output.count, this.network.supernodes));
      for (let n = 0; n < this.udp; n += 1) judge.dialled(now, n, 'udp');
      for (let n = 0; n < this.tcp; n += 1) judge.dialled(now, n, 'tcp');
    }
  }

  #enrol(): void {
    if (this.enrols) this.judge.certified(this.now);
    else this.judge.notCertified(this.now, 'not-allowed');
  }
}

describe('whoever may serve', () => {
  it('does, twenty seconds after it attached', () => {
    const scene = new Scene();
    expect([scene.role, scene.why]).toEqual(['candidate', 'uptime']);
    scene.pass(PROMOTION_UPTIME_MS - 1);
    expect(scene.asked).toEqual([]);
    scene.pass(1);
    expect([scene.role, scene.asked]).toEqual(['supernode', ['look', 'open', 'ask', 'train', 'serve']]);
  });

  it.each([
    ['refused', new Scene('never')],
    ['to-be-asked', new Scene('unasked')],
    ['nat-closed', new Scene('always', 'closed')],
    ['no-udp', new Scene('always', 'no-udp')],
    ['nat-unknown', new Scene('always', 'unknown')],
    ['private-network', new Scene('yes', 'private')],
    ['busy', new Scene('yes', 'open', { ...IDLE, busyPercent: 60 })],
    ['memory', new Scene('always', 'open', { ...IDLE, freeMemoryBytes: 200_000_000 })],
  ] as const)('does not while the reason is %s', (why, scene) => {
    scene.pass(86_400_000);
    expect([scene.why, scene.asked]).toEqual([why, []]);
  });

  it('does in a private network, or on a busy machine, only by an express word', () => {
    expect(new Scene('always', 'private').pass(60_000).role).toBe('supernode');
    expect(new Scene('always', 'open', { ...IDLE, busyPercent: 99 }).pass(60_000).role).toBe('supernode');
  });

  it('does not where eight supernodes have little to do, unless it always wants to; and looks again', () => {
    const scene = new Scene();
    scene.network = { supernodes: 8, loadPermille: 299 };
    scene.pass(60_000);
    expect([scene.why, scene.asked]).toEqual(['not-needed', ['look']]);
    scene.network = { supernodes: 8, loadPermille: 700 };
    scene.pass(PROMOTION_NEED_MS);
    expect(scene.role).toBe('supernode');
    const willing = new Scene('always');
    willing.network = { supernodes: 100, loadPermille: 0 };
    expect(willing.pass(60_000).role).toBe('supernode');
  });
});

describe('dial-backs', () => {
  it.each([
    ['UDP', { udp: 2, tcp: 3 }],
    ['TCP', { udp: 3, tcp: 2 }],
  ])('must all come: one that is missing by %s is too few, after three rounds', (_, came) => {
    const scene = Object.assign(new Scene(), came);
    scene.pass(PROMOTION_UPTIME_MS + 30_000);
    expect([scene.role, scene.why]).toEqual(['candidate', 'not-reachable']);
    expect(scene.asked.filter((one) => one === 'ask')).toHaveLength(3);
    expect(scene.asked).not.toContain('serve');
  });

  it('of fewer supernodes than live are not enough', () => {
    const scene = new Scene();
    scene.pass(PROMOTION_UPTIME_MS - 1);
    const { judge } = scene;
    scene.network = { supernodes: 2, loadPermille: 0 };
    Object.assign(scene, { udp: 2, tcp: 2 });
    const told = judge.setNetwork.bind(judge);
    judge.setNetwork = (now) => told(now, { supernodes: 4, loadPermille: 0 });
    scene.pass(60_000);
    expect(scene.why).toBe('not-reachable');
  });

  it('are tried ever more rarely after they were in vain', () => {
    const scene = Object.assign(new Scene(), { tcp: 0 });
    scene.pass(PROMOTION_UPTIME_MS + 30_000);
    const opened = () => scene.asked.filter((one) => one === 'open').length;
    expect(opened()).toBe(1);
    scene.pass(PROMOTION_RETRY_MS[0]);
    expect(opened()).toBe(2);
    scene.pass(PROMOTION_RETRY_MS[1] - 60_000);
    expect(opened()).toBe(2);
    scene.pass(90_000);
    expect(opened()).toBe(3);
    scene.pass(86_400_000);
    expect(opened()).toBeLessThan(18);
  });

  it('go on while it serves; one in vain is forgiven, two in a row are not', () => {
    const scene = new Scene().pass(60_000);
    scene.tcp = 2;
    scene.pass(PROMOTION_CHECK_MS - 39_000);
    expect(scene.role).toBe('supernode');
    scene.tcp = 3;
    scene.pass(PROMOTION_CHECK_MS);
    expect(scene.role).toBe('supernode');
    scene.tcp = 0;
    scene.pass(PROMOTION_CHECK_MS + 60_000);
    expect([scene.role, scene.why]).toEqual(['candidate', 'not-reachable']);
    expect(scene.asked.at(-1)).toBe('leave');
  });
});

describe('what else stops it', () => {
  it('a line that is too slow, however well it is reached', () => {
    const scene = Object.assign(new Scene(), { upBitsPerSecond: 200_000 });
    scene.pass(60_000);
    expect([scene.why, scene.asked.includes('serve')]).toEqual(['bandwidth', false]);
  });

  it('a login server that refuses it, whose word is told', () => {
    const scene = Object.assign(new Scene(), { enrols: false });
    scene.pass(60_000);
    expect(scene.judge.judgementAt(scene.now)).toMatchObject({ why: 'not-certified', code: 'not-allowed' });
  });

  it('the person, at any moment and at once', () => {
    const scene = new Scene().pass(60_000);
    scene.judge.setConsent(scene.now, 'never');
    scene.settle();
    expect([scene.role, scene.why, scene.asked.at(-1)]).toEqual(['ordinary', 'refused', 'leave']);
    expect(scene.pass(86_400_000).asked.filter((one) => one === 'open')).toHaveLength(1);
  });

  it('its own death, also while the machine was bad; nothing is waited for then', () => {
    const scene = new Scene().pass(PROMOTION_UPTIME_MS);
    scene.judge.setMachine(scene.now, { ...IDLE, freeMemoryBytes: 50_000_000 });
    expect(scene.judge.wakeAt()).toBe(scene.now + PROMOTION_BAD_MS);
    scene.judge.closed(scene.now);
    expect([scene.role, scene.why]).toEqual(['candidate', 'memory']);
    expect(scene.judge.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('a machine or a network that is bad for a minute, not for a moment; and it rests then', () => {
    const scene = new Scene().pass(60_000);
    scene.judge.setMachine(scene.now, { ...IDLE, busyPercent: 90 });
    scene.settle().pass(PROMOTION_BAD_MS - 1_000);
    scene.judge.setMachine(scene.now, { ...IDLE, busyPercent: 80 });
    scene.settle().pass(PROMOTION_BAD_MS);
    expect(scene.role).toBe('supernode');
    scene.judge.setMachine(scene.now, IDLE);
    scene.judge.setAttached(scene.now, false);
    scene.settle().pass(PROMOTION_BAD_MS);
    expect(scene.role).toBe('ordinary');
    scene.judge.setAttached(scene.now, true);
    scene.settle().pass(PROMOTION_REST_MS - 2 * PROMOTION_BAD_MS);
    expect(scene.why).toBe('resting');
    scene.pass(2 * PROMOTION_BAD_MS);
    expect(scene.role).toBe('supernode');
  });
});

describe('N5: of a thousand who have not consented', () => {
  it('none is promoted in a day, whatever their machines and networks are like', () => {
    const consents: readonly Consent[] = ['never', 'unasked'];
    let opened = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...consents),
        fc.constantFrom<Exposure>('open', 'open', 'private', 'closed'),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 1_000 }),
        (consent, exposure, busyPercent, loadPermille) => {
          const scene = new Scene(consent, exposure, { ...IDLE, busyPercent });
          scene.network = { supernodes: 1, loadPermille };
          scene.pass(86_400_000);
          opened += scene.asked.length;
        },
      ),
      { numRuns: 1_000 },
    );
    expect(opened).toBe(0);
  });
});
