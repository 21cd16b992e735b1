/** A notice is for the person; of what it says the log, which is sent to strangers, gets no names. */
import { afterEach, expect, test } from 'vitest';
import type { LogFields } from '../../src/store/log-file.ts';
import { AgentScene } from '../support/agent-scene.ts';

let scene: AgentScene;
afterEach(() => scene.end());

test('names of people, groups and laptops in a notice stay out of the log, causes on this machine get in', () => {
  const logged: string[] = [];
  const warn = (area: string, fact: string, fields: LogFields = {}) =>
    void logged.push(JSON.stringify({ area, fact, ...fields }));
  scene = new AgentScene({ change: (options) => ({ ...options, log: { ...options.log, warn } }) });
  scene.core.notice('audio-endpoint-away', 'carols-air; the call with bobby1 goes on');
  scene.core.notice('group-full', 'bobby1: surprise for alice');
  scene.core.notice('microphone-closed', 'call with bobby1, nobody spoke');
  scene.core.notice('mailbox-full', 'bobby1');
  scene.core.notice('audio-file-unwritable', '/home/x/bobby1.wav');
  scene.core.notice('profile-damaged', 'settings.json is no JSON');
  scene.core.notice('audio-no-device', 'microphone: the sound server ended it');
  expect(scene.notices).toHaveLength(7);
  expect(logged).toHaveLength(7);
  expect(logged.join()).not.toMatch(/bobby1|carol|surprise/);
  expect(logged.join()).toMatch(
    /audio-endpoint-away.*group-full.*settings\.json is no JSON.*the sound server ended it/,
  );
});
