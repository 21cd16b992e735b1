/** Memory at rest: the agent beside a bare Node process of the same run, the agent with its screen, the servers. */
import { memoryAlone, memoryOf } from './proc.ts';
import { PseudoTerminal } from './pseudo-terminal.ts';
import { repeat, type Scene } from './scene.ts';
import { onStage, pause, ROOT } from './stage.ts';

const RUNS = 5;
/** Long enough for the sign-in's garbage to be collected when the heap grows at all. */
const REST_MS = 6_000;

export const idle: Scene = {
  name: 'idle',
  title: 'Memory at rest',
  seconds: 50,
  play: (say) =>
    onStage(async (stage) => {
      await stage.withTwoBuddies();
      const runs = await repeat(RUNS, async (run) => {
        say(`run ${run + 1} of ${RUNS}`);
        await stage.restartAgent('A');
        const bare = stage.node('-e', 'setInterval(() => {}, 1e9)');
        const screen = new PseudoTerminal([`${ROOT}/bin/wren`, '--profile', stage.path('A')], stage.env);
        await screen.firstSaw('bobby1');
        await pause(REST_MS);
        const agent = memoryOf((await stage.agent('A')).pid);
        const own = { bare: memoryOf(bare.pid), agent, screen: memoryOf(screen.pid), up: memoryOf(stage.up!.pid) };
        bare.child.kill('SIGKILL');
        await screen.close();
        return own;
      });
      return [
        { name: 'bare Node, RSS', unit: 'MiB', values: runs.map((run) => run.bare.rss) },
        { name: 'agent, RSS', unit: 'MiB', values: runs.map((run) => run.agent.rss) },
        {
          name: 'agent, RSS against bare Node',
          unit: 'x',
          values: runs.map((run) => run.agent.rss / run.bare.rss),
          target: { label: 'M1', most: 1.15 },
        },
        { name: 'bare Node, private pages', unit: 'MiB', values: runs.map((run) => run.bare.own) },
        { name: 'agent, private pages', unit: 'MiB', values: runs.map((run) => run.agent.own) },
        { name: 'agent, PSS', unit: 'MiB', values: runs.map((run) => run.agent.pss) },
        { name: 'screen, RSS', unit: 'MiB', values: runs.map((run) => run.screen.rss) },
        {
          name: 'agent and screen, PSS',
          unit: 'MiB',
          values: runs.map((run) => run.agent.pss + run.screen.pss),
          target: { label: 'M2', most: 80 },
          remark: 'the network and a bare Node ran beside them',
        },
        {
          name: 'agent and screen, alone on a machine',
          unit: 'MiB',
          values: runs.map((run) => memoryAlone([run.agent, run.screen])),
          target: { label: 'M2', most: 80 },
        },
        { name: '`wren up`, RSS', unit: 'MiB', values: runs.map((run) => run.up.rss) },
      ];
    }),
};
