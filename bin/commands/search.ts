/** `wren search`: names that match exactly, by `*`, or by words of the display name. Nothing found ends 2. */
import type { Command } from 'commander';
import { SEARCH_HITS_MAX, SEARCH_TOTAL_MAX } from '../../src/net/protocol/params.ts';
import { settle } from './buddies.ts';
import { EXIT } from './exit-codes.ts';
import { type Act, withAgent } from './invocation.ts';
import { columns, counted, figure, plain } from './layout.ts';
import { examples, UsageProblem, wholeNumberValue } from './usage.ts';

export function addSearch(program: Command, act: Act): void {
  program
    .command('search')
    .argument('<pattern>', 'a name, a beginning such as "bob*", or words of a display name')
    .option('--limit <n>', 'at most so many', wholeNumberValue(1, SEARCH_TOTAL_MAX), SEARCH_HITS_MAX)
    .description('find people')
    .addHelpText('after', examples('wren search bobby1', 'wren search "bob*" --limit 10'))
    .action(
      act(async (invocation, pattern: string, options: { limit: number }) => {
        if (/^[\s*]*$/.test(pattern)) {
          const what = pattern.trim() === '' ? 'there is nothing to search for' : 'stars alone would be everybody';
          throw new UsageProblem(what, 'wren search "bob*"');
        }
        const { output } = invocation;
        const report = await withAgent(invocation, { start: true }, async (agent) => {
          await settle(agent);
          return await agent.request({ type: 'search', pattern, limit: options.limit });
        });
        for (const hit of report.hits) output.object({ event: 'result', ...hit });
        const { complete, more, incomplete, tookMs } = report;
        const why = { ...(more ? { more } : {}), ...(incomplete ? { incomplete } : {}) };
        output.object({ event: 'done', complete, ...why, tookMs });
        const rows = report.hits.map((hit) => [plain(hit.name), plain(hit.displayName)]);
        for (const line of columns(rows)) output.line(line);
        if (!output.json) {
          const found = report.hits.length === 0 ? 'Nobody' : counted(report.hits.length, 'person', 'people');
          const by = report.hits.some(({ from }) => from === 'login-server') ? ', one by the login server alone' : '';
          output.say(`${found} found in ${figure(tookMs)} ms${by}.${restWords(more, incomplete)}`);
        }
        return report.hits.length === 0 ? EXIT.couldNot : EXIT.done;
      }),
    );
}

/** What is not in the list, and why. */
function restWords(more: boolean, incomplete: boolean): string {
  if (incomplete) return ' There may be more: not every part of the network answered.';
  return more ? ' There are more: see --limit.' : '';
}
