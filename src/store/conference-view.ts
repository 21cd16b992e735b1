/**
 * What makes a call a conference, as the screen draws it and as scripts read it: who is in, who speaks, who mixes. Part of the
 * tree in `state.ts`, which hands these types on; `agent-conferences.ts` fills them.
 */
import type { CallPath } from './state.ts';

/** A person of a conference. */
export interface ConferencePerson {
  readonly name: string;
  /** Empty while nobody has answered. */
  readonly node: string;
  /** `in`, `calling`, `ringing`, or the reason why not. */
  readonly state: string;
  readonly isMe: boolean;
  readonly isMixer: boolean;
  /** 1: mixes next if the mixer goes; 0: mixes, or cannot. */
  readonly deputy: number;
  readonly speaking: boolean;
  readonly muted: boolean;
  readonly held: boolean;
  readonly recording: boolean;
  /** What this one says of its way to the mixer, or `not heard`; empty: none. */
  readonly trouble: string;
  /** Who invited; empty: nobody did. */
  readonly by: string;
  /** We may remove this one. */
  readonly removable: boolean;
  /** Our person has blocked this one. */
  readonly blocked?: boolean;
  /** Of our leg with this one, if there is one. */
  readonly path: CallPath | null;
}

/** What makes a call a conference. One machine mixes, and hears everybody. */
export interface ConferenceView {
  /** Common to all. */
  readonly id: string;
  /** How often the mix has moved. */
  readonly term: number;
  /** A name; empty before anybody is known to. */
  readonly mixer: string;
  readonly iMix: boolean;
  /** Of one that rings here: who is in besides whoever calls. */
  readonly others: readonly string[];
  /** Those of them whom our person has blocked. */
  readonly blocked?: readonly string[];
  readonly people: readonly ConferencePerson[];
  /** We left, and may go back. */
  readonly rejoinable: boolean;
}
