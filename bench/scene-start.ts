/** How long one waits: for commands, for a network, to sign up, to be signed in again. No delay on the network. */
import { repeat, type Scene } from './scene.ts';
import { onStage, type Stage } from './stage.ts';

const COMMAND_RUNS = 9;
const NETWORK_RUNS = 5;
const PEOPLE_RUNS = 5;

export const start: Scene = {
  name: 'start',
  title: 'Starting',
  seconds: 60,
  play: (say) =>
    onStage(async (stage) => {
      say('networks');
      const networks = await repeat(NETWORK_RUNS, async (run) => {
        const firstMs = await stage.startNetwork(`network-${run}`);
        await stage.stopNetwork();
        const secondMs = await stage.startNetwork(`network-${run}`);
        if (run < NETWORK_RUNS - 1) await stage.stopNetwork();
        return { firstMs, secondMs };
      });
      say('people');
      const people = await repeat(PEOPLE_RUNS, (run) => newcomer(stage, run));
      say('commands');
      const commands = await repeat(COMMAND_RUNS, async () => ({
        bareMs: (await stage.node('-e', '0').success()).tookMs,
        versionMs: (await stage.wren('--version').success()).tookMs,
        statusMs: (await stage.as('new-0', 'status', '--json').success()).tookMs,
      }));
      return [
        { name: '`node -e 0`', unit: 'ms', values: commands.map((run) => run.bareMs) },
        { name: '`wren --version`', unit: 'ms', values: commands.map((run) => run.versionMs) },
        {
          name: '`wren --version` against bare Node',
          unit: 'x',
          values: commands.map((run) => run.versionMs / run.bareMs),
        },
        {
          name: '`wren status --json`, agent running',
          unit: 'ms',
          values: commands.map((run) => run.statusMs),
        },
        {
          name: '`wren up` to `ready`, first start (makes keys)',
          unit: 'ms',
          values: networks.map((run) => run.firstMs),
          target: { label: 'contract', most: 3000 },
          judgeWorst: true,
        },
        { name: '`wren up` to `ready`, later start', unit: 'ms', values: networks.map((run) => run.secondMs) },
        { name: '`wren join`, starts the agent', unit: 'ms', values: people.map((run) => run.joinMs) },
        {
          name: '`wren signup`, whole command',
          unit: 'ms',
          values: people.map((run) => run.signUpMs),
          remark: 'makes an RSA key, hashes the password',
        },
        {
          name: '`wren signin` on a new device, whole command',
          unit: 'ms',
          values: people.map((run) => run.signInMs),
          target: { label: 'S1', most: 1000 },
        },
        {
          name: '`wren wait`: agent started, signed in by what it remembers',
          unit: 'ms',
          values: people.map((run) => run.againMs),
          target: { label: 'S3', most: 400 },
          remark: 'the aim leaves out the start of processes',
        },
      ];
    }),
};

/** One person: signs up, signs in on a second device, comes back after the agent ended. */
async function newcomer(stage: Stage, run: number) {
  const [first, second, name] = [`new-${run}`, `again-${run}`, `newcomer${run}`];
  const joinMs = (await stage.as(first, 'join', stage.invite).success()).tookMs;
  const signUpMs = (await stage.as(first, 'signup', name).success()).tookMs;
  await stage.as(second, 'join', stage.invite).success();
  const signInMs = (await stage.as(second, 'signin', name).success()).tookMs;
  await stage.as(second, 'agent', 'stop').success();
  const againMs = await stage.restartAgent(first);
  return { joinMs, signUpMs, signInMs, againMs };
}
