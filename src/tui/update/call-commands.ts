/** Keys that act on calls, and the ways out of the screen, which must not end a call by accident. */
import { currentCall, ringingCall } from '../../store/state.ts';
import { keyOf } from '../key-bindings.ts';
import { otherDevices } from '../rows/device-rows.ts';
import { selectedBuddy } from '../ui-state.ts';
import { failureSentence, SENTENCES } from '../wording.ts';
import { inCall } from './context.ts';
import { noticed, request, type Step, step, type World } from './world.ts';

export const CALL_HANDLERS = {
  'call.place': place,
  'call.answer': (world: World): Step => {
    const call = ringingCall(world.app);
    if (!call) return step(world.ui);
    const audio = world.audio === undefined ? {} : { audio: world.audio };
    return step(
      world.ui,
      request({ type: 'call.answer', call: call.call, ...audio }, { for: 'plain', detail: call.peer }),
    );
  },
  'call.decline': (world: World): Step => {
    const call = ringingCall(world.app);
    if (!call) return step(world.ui);
    return step(world.ui, request({ type: 'call.decline', call: call.call }, { for: 'plain', detail: call.peer }));
  },
  'call.end': (world: World): Step => {
    // A call that rings here is declined, not hung up: that key is another.
    const call = currentCall(world.app);
    if (!call || (call.phase === 'ringing' && call.direction === 'in')) return step(world.ui);
    return step(world.ui, request({ type: 'call.hang-up', call: call.call }, { for: 'plain', detail: call.peer }));
  },
  'call.mute': toggleMicrophone,
  // A terminal does not tell when a key is let go, so one push opens and the next one closes.
  'call.talk': toggleMicrophone,
  'call.record': (world: World): Step => {
    const call = currentCall(world.app);
    if (!call) return step(world.ui);
    const type = call.recordedBy === 'me' || call.recordedBy === 'both' ? 'call.record-end' : 'call.record';
    return step(world.ui, request({ type, call: call.call }, { for: 'plain', detail: call.peer }));
  },
  'call.hold': (world: World): Step => {
    const call = currentCall(world.app);
    if (!call) return step(world.ui);
    const type = call.heldBy === 'me' || call.heldBy === 'both' ? 'call.resume' : 'call.hold';
    return step(world.ui, request({ type, call: call.call }, { for: 'plain', detail: call.peer }));
  },
  'call.pull': pull,
  'conference.remove': (world: World): Step => {
    const buddy = selectedBuddy(world.app, world.ui);
    if (!buddy || !currentCall(world.app)?.conference) return step(world.ui);
    return step(
      world.ui,
      request({ type: 'conference.remove', name: buddy.name }, { for: 'plain', detail: buddy.name }),
    );
  },
  'conference.rejoin': (world: World): Step => {
    if (inCall(world.app)) return step(world.ui);
    const audio = world.audio === undefined ? {} : { audio: world.audio };
    return step(world.ui, request({ type: 'conference.rejoin', ...audio }, { for: 'plain', detail: '' }));
  },
  'call.details': ({ ui }: World): Step => step({ ...ui, callDetails: !ui.callDetails }),
  quit,
  cancel,
  'quit.hang-up': ({ ui }: World): Step => step({ ...ui, dialog: null }, { type: 'quit', hangUp: true }),
  'quit.keep': ({ ui }: World): Step => step({ ...ui, dialog: null }, { type: 'quit', hangUp: false }),
  'quit.cancel': ({ ui }: World): Step => step({ ...ui, dialog: null }),
  repaint: ({ ui }: World): Step => step(ui, { type: 'repaint' }),
  suspend: ({ ui }: World): Step => step(ui, { type: 'suspend' }),
} as const;

/** From the device where the call is to go on; here it can be handed over. */
function pull(world: World): Step {
  const { app, ui } = world;
  if (inCall(app)) {
    const where = otherDevices(app)
      .map(({ label }) => label)
      .join(', ');
    const key = (command: 'call.pull' | 'call.transfer') => keyOf(command, 'browsing', ui.keys) || 'the key';
    const how = `press ${key('call.transfer')} here, or ${key('call.pull')} there`;
    return step(noticed(world, ui, where === '' ? SENTENCES.noOtherDevice : `To go on at ${where}: ${how}.`));
  }
  const elsewhere = app.callsElsewhere?.at(-1);
  if (!elsewhere) return step(noticed(world, ui, SENTENCES.nothingElsewhere));
  const audio = world.audio === undefined ? {} : { audio: world.audio };
  return step(
    { ...ui, notice: null, dialog: null },
    request({ type: 'call.pull', call: elsewhere.call, ...audio }, { for: 'plain', detail: elsewhere.peer }),
  );
}

function toggleMicrophone(world: World): Step {
  const call = currentCall(world.app);
  if (!call) return step(world.ui);
  const type = call.muted ? 'call.unmute' : 'call.mute';
  return step(world.ui, request({ type, call: call.call }, { for: 'plain', detail: call.peer }));
}

function place(world: World): Step {
  const { app, ui } = world;
  const buddy = selectedBuddy(app, ui);
  if (!buddy || ui.dialog) return step(ui);
  if (buddy.relation !== 'both')
    return step(noticed(world, ui, `${buddy.name}: ${failureSentence('not-a-buddy')}`, 'warn'));
  const running = currentCall(app);
  if (running && (running.conference || (running.phase === 'running' && running.peer !== buddy.name)))
    return step(
      { ...ui, notice: null },
      request({ type: 'conference.add', names: [buddy.name] }, { for: 'plain', detail: buddy.name }),
    );
  if (inCall(app)) return step(noticed(world, ui, failureSentence('already-in-call'), 'warn'));
  const audio = world.audio === undefined ? {} : { audio: world.audio };
  return step(
    { ...ui, notice: null },
    request({ type: 'call.place', to: buddy.name, ...audio }, { for: 'plain', detail: buddy.name }),
  );
}

function quit({ app, ui }: World): Step {
  if (inCall(app)) return step({ ...ui, dialog: { type: 'quit' } });
  return step(ui, { type: 'quit', hangUp: false });
}

/** Ctrl-C: closes what is open; where nothing is, a second one quits. */
function cancel(world: World): Step {
  const { ui } = world;
  if (ui.dialog) return step({ ...ui, dialog: null });
  if (ui.filtering) return step({ ...ui, filtering: false });
  if (ui.quitArmed) return quit({ ...world, ui: { ...ui, quitArmed: false, notice: null } });
  return step({ ...noticed(world, ui, SENTENCES.pressAgain), quitArmed: true });
}
