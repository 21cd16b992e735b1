/**
 * Calls that go from one device of the account to another by the wish of the device where they run (PROTOCOL.md 9.15): our
 * person's wish as a promise, and what a person here is told when another device hands its call to this one. Who may do so, and
 * how it goes, is `net/call/hand-over.ts`; `agent-calls.ts` owns this.
 */
import type { OrdinaryNodeEvent } from '../net/index.ts';
import { type FailureCode, Refusal } from '../net/protocol/failures.ts';
import type { CallId, NodeId } from '../net/protocol/ids.ts';
import type { AgentCore } from './agent-core.ts';
import { deviceCalled } from './device-words.ts';
import { currentCall } from './state.ts';

type News = Extract<Extract<OrdinaryNodeEvent, { type: 'call' }>['news'], { readonly type: 'offered' | 'handed-over' }>;

export interface HandOverHooks {
  /** Throws what the call core refuses. */
  readonly tellNode: (command: { readonly type: 'hand-over'; readonly call: CallId; readonly node: NodeId }) => void;
  readonly mute: (call: string) => void;
}

export class AgentHandOvers {
  readonly #core: AgentCore;
  readonly #hooks: HandOverHooks;
  readonly #waiting = new Map<string, (code: FailureCode | null) => void>();

  constructor(core: AgentCore, hooks: HandOverHooks) {
    this.#core = core;
    this.#hooks = hooks;
    core.onEvent(({ type }) => {
      if (type !== 'account.signed-out') return;
      for (const end of this.#waiting.values()) end('no-call');
      this.#waiting.clear();
    });
  }

  /** Resolves when the call goes on at that device; rejects with the reason why it stays. */
  async handOver(
    which: string,
    wanted: string | undefined,
  ): Promise<{ readonly call: string; readonly peer: string; readonly device: string }> {
    this.#core.signedIn();
    const { state } = this.#core;
    const found = wanted === undefined ? currentCall(state) : state.calls.find(({ call }) => call === wanted);
    if (!found || found.phase === 'ended') throw new Refusal('no-call');
    if (found.conference) throw new Refusal('conference-stays');
    const devices = (state.devices?.list ?? []).map((one) => ({ ...one, nodeId: one.id }));
    const device = deviceCalled(devices, which);
    if (device.thisOne) throw new Refusal('usage', 'this is the device itself: the call is here already');
    const { call, peer } = found;
    this.#hooks.tellNode({ type: 'hand-over', call, node: device.nodeId });
    const code = await new Promise<FailureCode | null>((resolve) => this.#waiting.set(call, resolve));
    if (code !== null) throw new Refusal(code, device.label);
    return { call, peer, device: device.label };
  }

  fromNode(news: News): void {
    if (news.type === 'handed-over') {
      this.#waiting.get(news.call)?.(news.code);
      this.#waiting.delete(news.call);
      return;
    }
    const label = this.#core.state.devices?.list.find(({ id }) => id === news.node)?.label;
    this.#core.notice('call-handed-over', `${news.peer}${label === undefined ? '' : `, from ${label}`}`);
    // Another device opens no microphone before which nobody sits.
    if (this.#core.options.attended?.() === false) this.#hooks.mute(news.call);
  }
}
