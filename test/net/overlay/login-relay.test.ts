/** What a supernode does for those who reach no login server, and what it will not do. */
import { describe, expect, it } from 'vitest';
import { LoginRelay, type LoginRelayOutput } from '../../../src/net/overlay/login-relay.ts';
import {
  LOGIN_CARRIES_MAX,
  LOGIN_CARRIES_PER_SESSION_MAX,
  LOGIN_CARRY_BURST,
  LOGIN_CARRY_BYTES_MAX,
  LOGIN_CARRY_IDLE_MS,
  LOGIN_CARRY_WAITING_BYTES_MAX,
} from '../../../src/net/protocol/params.ts';
import { type Body, message } from '../../../src/net/wire/messages.ts';

const HOST = '203.0.113.5';

class Scene {
  now = 1_000;
  readonly relay = new LoginRelay();
  said: LoginRelayOutput[] = [];

  client(session: number, channel: number, text: string | Buffer = 'hello', end = false, host = HOST): this {
    const body = message('loginCarry', { channel, packets: Buffer.from(text), end }).body;
    this.relay.fromClient(this.now, session, host, { ...body, observed: '' } as Body<'loginCarry'>);
    return this.settle();
  }

  login(channel: number, text: string | Buffer, end = false): this {
    const body = message('loginCarried', { channel, packets: Buffer.from(text), end }).body;
    this.relay.fromLogin(this.now, body);
    return this.settle();
  }

  isUp(): this {
    this.relay.loginUp();
    return this.settle();
  }

  passes(ms: number): this {
    this.now += ms;
    this.relay.wake(this.now);
    return this.settle();
  }

  settle(): this {
    this.said.push(...this.relay.drain());
    return this;
  }

  /** What was said since the last look, in words. */
  get words(): string[] {
    return this.said.splice(0).map((output) => {
      if (output.type === 'connect' || output.type === 'disconnect') return output.type;
      const { body } = output.message as { body: Body<'loginCarry'> };
      const what = body.end ? 'end' : Buffer.from(body.packets).toString();
      return output.type === 'to-login'
        ? `login ${body.channel} ${what} ${body.observed ?? ''}`.trim()
        : `client ${output.session}/${body.channel} ${what}`;
    });
  }
}

describe('a carried dialogue', () => {
  it('waits for the login server, then flows both ways, with the host of the client told', () => {
    const scene = new Scene().client(7, 3, 'one').client(7, 3, 'two');
    expect(scene.words).toEqual(['connect']);
    scene.isUp().client(7, 3, 'three').login(1, 'answer');
    expect(scene.words).toEqual([
      `login 1 one ${HOST}`,
      `login 1 two ${HOST}`,
      `login 1 three ${HOST}`,
      'client 7/3 answer',
    ]);
  });

  it('of another session by the same number is another one', () => {
    const scene = new Scene().client(7, 3).client(8, 3).isUp();
    expect(scene.words).toEqual(['connect', `login 1 hello ${HOST}`, `login 2 hello ${HOST}`]);
    expect(scene.login(2, 'for eight').words).toEqual(['client 8/3 for eight']);
  });

  it('ends as either end says, and with the last one the login server is let go', () => {
    const scene = new Scene().client(7, 3).client(8, 4).isUp();
    scene.said = [];
    expect(scene.client(7, 3, '', true).words).toEqual(['login 1 end']);
    expect(scene.login(2, '', true).words).toEqual(['client 8/4 end', 'disconnect']);
    expect(scene.relay.size).toBe(0);
    expect(scene.relay.wakeAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('ends with the session of its client, and when no login server is reached', () => {
    const scene = new Scene().client(7, 3).client(8, 4).isUp();
    scene.said = [];
    scene.relay.sessionClosed(7);
    expect(scene.settle().words).toEqual(['login 1 end']);
    scene.relay.loginGone();
    expect(scene.settle().words).toEqual(['client 8/4 end']);
    expect(scene.client(8, 5).words).toEqual(['connect']);
  });

  it('in which nobody says anything is over', () => {
    const scene = new Scene()
      .client(7, 3)
      .isUp()
      .passes(LOGIN_CARRY_IDLE_MS - 1)
      .login(1, 'late');
    scene.said = [];
    expect(scene.passes(LOGIN_CARRY_IDLE_MS - 1).words).toEqual([]);
    expect(scene.passes(1).words).toEqual(['client 7/3 end', 'login 1 end', 'disconnect']);
  });

  it('gets no word for a channel that is not there', () => {
    const scene = new Scene().client(7, 3, '', true).login(1, 'stray');
    expect(scene.words).toEqual([]);
  });
});

describe('bounds', () => {
  it('hold for one session, for all, and for one host, however many sessions it opens', () => {
    const scene = new Scene();
    for (let channel = 1; channel <= LOGIN_CARRIES_PER_SESSION_MAX + 1; channel++) scene.client(7, channel);
    expect(scene.words).toEqual(['connect', `client 7/${LOGIN_CARRIES_PER_SESSION_MAX + 1} end`]);
    for (let session = 100; session < 200; session++) scene.client(session, 1);
    expect(scene.relay.size).toBe(LOGIN_CARRY_BURST);
    for (let i = 0; i < 2 * LOGIN_CARRIES_MAX; i++) scene.client(1_000 + i, 1, 'x', false, `198.51.100.${i}`);
    expect(scene.relay.size).toBe(LOGIN_CARRIES_MAX);
  });

  it('hold for what waits, and for what passes either way', () => {
    const waiting = new Scene().client(7, 3, Buffer.alloc(LOGIN_CARRY_WAITING_BYTES_MAX + 1));
    expect(waiting.relay.size).toBe(0);
    const asked = new Scene().client(7, 3).isUp();
    for (let sent = 0; sent <= LOGIN_CARRY_BYTES_MAX; sent += 65_536) asked.client(7, 3, Buffer.alloc(65_536));
    expect(asked.relay.size).toBe(0);
    const answered = new Scene().client(7, 3).isUp();
    for (let sent = 0; sent <= LOGIN_CARRY_BYTES_MAX; sent += 65_536) answered.login(1, Buffer.alloc(65_536));
    expect(answered.relay.size).toBe(0);
  });

  it('refuse channel 0', () => {
    expect(new Scene().client(7, 0).words).toEqual(['client 7/0 end']);
  });
});
