/**
 * Devices that die, go and come back in a running call: the real voice child over a real PulseAudio server. A tone goes both
 * ways all the time, and each fault may cost 300 ms of it.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { missingForPulse, PulseServer } from '../support/pulse-server.ts';
import { ToneCall } from '../support/tone-call.ts';
import { monotonicMs } from '../support/voice-child.ts';

const missing = missingForPulse();
const skip = missing.length > 0;
if (skip) console.log(`SKIPPED all tests of devices that move: ${missing.join(', ')} not installed`);

const NOTICED_AND_HEALED_MS = 300;
/** A server that stands still for 200 ms, and what its clients do then. */
const HUNG_AND_HEALED_MS = 500;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.skipIf(skip)('in a call', () => {
  let server: PulseServer;
  let call: ToneCall | undefined;

  beforeAll(async () => {
    server = await PulseServer.start();
    ToneCall.speakInto(server, 'mic');
  });
  afterEach(async () => {
    await call?.end();
    call = undefined;
  });
  afterAll(async () => server?.stop());

  async function running(spec: string, sinks: readonly string[]): Promise<ToneCall> {
    call = new ToneCall(server, spec);
    for (const sink of sinks) call.listenAt(sink);
    await call.child.message('ready');
    await wait(1000);
    return call;
  }

  const problems = ({ child }: ToneCall) => child.told.filter((message) => message.type === 'problem');
  const using = ({ child }: ToneCall) => child.told.filter((message) => message.type === 'using').at(-1);

  // Real time on a machine that may be busy: it may be tried again.
  it('streams that the server ends, or that hang with it, are noticed and healed', {
    retry: 2,
    timeout: 20_000,
  }, async () => {
    const one = await running('default', ['speaker']);
    const faults = { ended: () => server.endStreamsOf(one.child.process.pid!), hung: () => server.hang(200) };
    for (const [fault, happens] of Object.entries(faults)) {
      const atMs = monotonicMs();
      await happens();
      // Longer than a device that fails again and again is left alone for.
      await wait(2200);
      const gaps = [one.sent.longestGapMs(atMs), one.played.longestGapMs(atMs)];
      console.log(`${fault}: ${gaps.join(' and ')} ms`);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(fault === 'ended' ? NOTICED_AND_HEALED_MS : HUNG_AND_HEALED_MS);
    }
    expect(problems(one)[0]).toMatchObject({ code: 'audio-no-device' });
  });

  it('a microphone that goes is not replaced by what the speaker plays, and one that comes is used', {
    retry: 2,
    timeout: 60_000,
  }, async () => {
    server.addSink('headmic');
    ToneCall.speakInto(server, 'headmic');
    server.setDefault('source', 'headmic.monitor');
    try {
      const one = await running('default', ['speaker']);
      await one.child.until(() => using(one)?.input === 'headmic.monitor', 15_000, JSON.stringify(using(one)));
      server.setDefault('source', 'speaker.monitor');
      await one.child.until(() => problems(one).length > 0, 15_000, 'no word of it');
      expect(problems(one)[0]).toMatchObject({
        code: 'audio-only-monitor',
        detail: expect.stringContaining('speaker.monitor'),
      });
      expect(using(one)).toMatchObject({ input: null, output: 'speaker' });
      server.setDefault('source', 'mic.monitor');
      await one.child.until(() => using(one)?.input === 'mic.monitor', 15_000, JSON.stringify(using(one)));
      expect(problems(one)).toHaveLength(1);
    } finally {
      server.setDefault('source', 'mic.monitor');
      server.removeSink('headmic');
    }
  });

  it('the default of the system is followed', { retry: 2, timeout: 20_000 }, async () => {
    server.addSink('other');
    try {
      const one = await running('default', ['speaker', 'other']);
      // A null sink that is new works in periods of two seconds at first.
      await wait(2500);
      const atMs = monotonicMs();
      server.setDefault('sink', 'other');
      await wait(800);
      const gapMs = one.played.longestGapMs(atMs);
      console.log(`default moved: ${gapMs} ms`);
      expect(using(one)).toMatchObject({ output: 'other', input: 'mic.monitor' });
      expect(gapMs).toBeLessThanOrEqual(NOTICED_AND_HEALED_MS);
      expect(problems(one)).toEqual([]);
    } finally {
      server.setDefault('sink', 'speaker');
      server.removeSink('other');
    }
  });

  it('chosen devices that are unplugged are stood in for, and used again when they are back', {
    retry: 2,
    timeout: 30_000,
  }, async () => {
    const plugIn = (): void => {
      for (const name of ['headset', 'headmic']) server.addSink(name);
      ToneCall.speakInto(server, 'headmic');
    };
    const pull = (): void => {
      for (const name of ['headset', 'headmic']) server.removeSink(name);
    };
    const at = async (one: ToneCall, input: string, output: string): Promise<void> => {
      const isThere = (): boolean => using(one)?.input === input && using(one)?.output === output;
      // A null sink that is new takes two seconds to give its first sound.
      await one.child.until(isThere, 6_000, `not at ${input} and ${output}: ${JSON.stringify(one.child.told.at(-1))}`);
      await wait(400);
    };
    const gaps = ({ sent, played }: ToneCall, fromMs: number) => [
      sent.longestGapMs(fromMs),
      played.longestGapMs(fromMs),
    ];
    plugIn();
    try {
      const one = await running('device:headmic|headset', ['speaker', 'headset']);
      await at(one, 'headmic.monitor', 'headset');
      const awayAt = monotonicMs();
      pull();
      await at(one, 'mic.monitor', 'speaker');
      const away = gaps(one, awayAt);
      expect(problems(one)).toMatchObject([{ code: 'audio-device-absent', detail: '"headmic", "headset"' }]);
      const backAt = monotonicMs();
      plugIn();
      one.listenAt('headset');
      await at(one, 'headmic.monitor', 'headset');
      const back = gaps(one, backAt);
      console.log(`unplugged: ${away.join(' and ')} ms, back: ${back.join(' and ')} ms`);
      expect(problems(one)).toHaveLength(1);
      expect(Math.max(...away, ...back)).toBeLessThanOrEqual(NOTICED_AND_HEALED_MS);
    } finally {
      pull();
    }
  });
});
