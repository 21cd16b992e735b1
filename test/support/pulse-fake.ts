/**
 * A sound server that is none: it answers as PulseAudio does, and hangs, refuses or talks rubbish when a test wants that.
 * One source that it records from; what it was told stands in `told`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { findPulse, type Pulse } from '../../src/audio/device-pulse.ts';
import { COMMAND, commandPacket, PacketSplitter, samplesPacket } from '../../src/audio/device-pulse-packets.ts';
import { NO_INDEX, type TagWriter } from '../../src/audio/device-pulse-tags.ts';

const CHANNEL = 4;

/** An entry of a list of sinks or sources. */
export function putDevice(values: TagWriter, name: string, description: string, monitorOf: string | undefined): void {
  values.u32(1).string(name).string(description).sampleSpec(48_000).monoMap().u32(2).fullVolume().flags(false);
  values.u32(monitorOf === undefined ? NO_INDEX : 3).string(monitorOf);
  values.microseconds(0).string('driver').u32(0).properties({ 'device.class': 'abstract' }).microseconds(0);
}

/** One that is found, for as long as the test runs. */
export async function foundFakePulse(): Promise<{ readonly fake: FakePulse; readonly pulse: Pulse }> {
  const fake = await FakePulse.start();
  onTestFinished(() => fake.stop());
  return { fake, pulse: (await findPulse({ PULSE_SERVER: `unix:${fake.path}` }))! };
}

class FakePulse {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'wren-no-pulse-'));
  readonly path = path.join(this.folder, 'native');
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** Commands that came. */
  readonly told: number[] = [];
  /** Instead of answers. */
  mute = false;
  rubbish = false;
  /** Commands that it never answers. */
  readonly deafTo = new Set<number>();

  private constructor() {
    this.#server = net.createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<FakePulse> {
    const fake = new FakePulse();
    await new Promise<void>((resolve) => fake.#server.listen(fake.path, resolve));
    return fake;
  }

  /** 20 ms of silence from the microphone. */
  speak(): void {
    for (const socket of this.#sockets) socket.write(samplesPacket(CHANNEL, Buffer.alloc(640)));
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** The recording stream is at another source from now on. */
  move(name: string): void {
    const packet = commandPacket(COMMAND.recordStreamMoved, NO_INDEX, (values) => values.u32(CHANNEL, 2).string(name));
    for (const socket of this.#sockets) socket.write(packet);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #serve(socket: net.Socket): void {
    const splitter = new PacketSplitter();
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (chunk) => {
      if (this.rubbish) socket.write(Buffer.alloc(40, 0xff));
      for (const packet of splitter.push(chunk)) {
        if (packet.type !== 'command') continue;
        this.told.push(packet.command);
        if (this.mute || this.rubbish || this.deafTo.has(packet.command)) continue;
        socket.write(commandPacket(COMMAND.reply, packet.tag, (values) => this.#answer(packet.command, values)));
      }
    });
  }

  #answer(command: number, values: TagWriter): void {
    if (command === COMMAND.auth) values.u32(35);
    if (command === COMMAND.getServerInfo)
      values.string('fake').string('1').string('me').string('here').sampleSpec(48_000).string('out').string('in');
    if (command === COMMAND.getSourceInfoList) putDevice(values, 'in', 'In', undefined);
    if (command === COMMAND.createRecordStream)
      values
        .u32(CHANNEL, 1, 32_000, 320)
        .sampleSpec(16_000)
        .monoMap()
        .u32(1)
        .string('in')
        .flags(false)
        .microseconds(10_000);
  }
}
