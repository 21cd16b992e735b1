/**
 * A whole agent program for tests of commands that start one: the scripted agent, in a process of its own. It signs
 * up whom it is asked to, makes `echo` a buddy at once, and is in a call while a file `in-call` lies in its profile. Bundled as `agent.cjs` beside the command line client.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { newCall } from '../../src/store/new-call.ts';
import type { AppState, Call } from '../../src/store/state.ts';
import { buddy, CALL_ID, refuse, SIGNED_IN, scriptedAgent } from './scripted-agent.ts';

const CALL: Call = { ...newCall(CALL_ID, 'echo', 'out', 0), phase: 'running', answeredAtMs: 0, path: 'lan' };

export async function main(argv: readonly string[]): Promise<number> {
  const profileDir = argv[argv.indexOf('--profile') + 1] ?? '';
  let state: AppState = { ...SIGNED_IN, network: null, account: null };
  const enter = (name: string) => {
    state = { ...state, account: { name, displayName: '', certificateExpiresAtMs: 0 } };
    return { name };
  };
  const note = (fact: object) => appendFileSync(join(profileDir, 'asked.jsonl'), `${JSON.stringify(fact)}\n`);
  note({ argv });
  return await new Promise((resolve) => {
    scriptedAgent(profileDir, {
      subscribe: () => state,
      status: () => (existsSync(join(profileDir, 'in-call')) ? { ...state, calls: [CALL] } : state),
      'agent.status': ({ type: _ }, agent) => ({
        pid: process.pid,
        uptimeS: 1,
        version: '0.1.0',
        socket: agent.socketPath,
        voicePid: null,
      }),
      'network.join': (command) => {
        note(command);
        state = { ...state, network: 'testnet' };
        return { network: 'testnet' };
      },
      'account.sign-up': ({ name, ...command }) => {
        note({ name, ...command });
        if (name === 'taken1') throw refuse('name-taken');
        return enter(name);
      },
      'account.sign-in': ({ name, ...command }) => {
        note({ name, ...command });
        throw refuse('password-wrong');
      },
      'buddy.add': (command, agent) => {
        note(command);
        state = { ...state, buddies: [buddy(command.name)] };
        agent.push({ type: 'buddy.changed', buddy: buddy(command.name) });
      },
      'agent.stop': (_, agent) => {
        void agent.close().then(() => resolve(0));
      },
    });
  });
}

// Started as a program by `connectAgent`, or required by `wren agent start --foreground`.
if (require.main === module) main(process.argv.slice(2)).then((code) => process.exit(code));
