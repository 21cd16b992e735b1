/**
 * What a person's node says of itself in the Global Index, and when: after it has attached, when its homes, display
 * name or wish to be shown change, and every PUBLISH_AGAIN_MS while it is attached, so that whoever is here never ends
 * (slides, "User Search": signed in during the last 72 hours). An unanswered word is repeated. When the supernode holds
 * what we would say, because we were away for less than PUBLISH_AGAIN_MS, it is not said before we have stayed for
 * PUBLISH_CALM_MS: coming back for a moment costs nothing.
 *
 * Our certificate is left out, for the supernode has it of the handshake; it is said with the record when that is refused,
 * and when it is a newer one than we attached with.
 */
import type { KeyObject } from 'node:crypto';
import type { Millis } from '../protocol/core.ts';
import { foldName, type NodeId } from '../protocol/ids.ts';
import { PUBLISH_AGAIN_MS, PUBLISH_CALM_MS, PUBLISH_GATHER_MS, PUBLISH_RETRY_MS } from '../protocol/overlay-params.ts';
import { type Message, message } from '../wire/messages.ts';
import { hiddenTags, type MailKeyWord, mailTagOf, printOf, sealRecord } from './index-record.ts';

/** Numbers of our requests begin here, so that no answer to another room's question is taken for ours. */
const REQUEST_IDS_FROM = 3 * 2 ** 30;

export interface Publication {
  readonly homes: readonly NodeId[];
  readonly displayName: string;
  readonly listed: boolean;
  /** Names that must not find us. */
  readonly hiddenFrom?: readonly string[];
  /** What letters to us are sealed to. */
  readonly mailKey?: MailKeyWord | undefined;
}

export interface PublisherIdentity {
  readonly nodeId: NodeId;
  readonly certificateDer: Buffer;
  readonly privateKey: KeyObject;
}

export class Publisher {
  readonly #wallClock: () => number;
  #identity: PublisherIdentity | undefined;
  #wanted: Publication | undefined;
  /** What our supernode held of us when we attached. */
  #held = 0;
  /** Does our certificate travel with the record? */
  #whole = false;
  /** What was said last, as text. */
  #said = '';
  #sequence = 0;
  #signedInAtMs = 0;
  #requestId = REQUEST_IDS_FROM;
  #at: Millis = Number.POSITIVE_INFINITY;
  #out: Message[] = [];

  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  /** Signed in, with the certificate of now; undefined: signed out. */
  setIdentity(identity: PublisherIdentity | undefined): void {
    const before = this.#identity?.certificateDer;
    if (this.#wanted && identity && !before?.equals(identity.certificateDer)) this.#whole = true;
    this.#identity = identity;
    if (!identity) this.detached();
  }

  /** A print of what our supernode holds of us, 0 for nothing. It counts when we come, before we have said anything. */
  held(print: number): void {
    if (!this.#wanted) this.#held = print;
  }

  /** Attached: these are our homes, the first the one that is spoken with. */
  say(now: Millis, publication: Publication): void {
    const text = JSON.stringify(publication);
    if (text === this.#said && this.#wanted) return;
    // A new sign-in begins with the first word after an absence.
    if (!this.#wanted) this.#signedInAtMs = 0;
    this.#wanted = publication;
    this.#said = text;
    if (!this.#isHeld(publication)) this.#at = now + PUBLISH_GATHER_MS;
    else if (this.#at === Number.POSITIVE_INFINITY) this.#at = now + PUBLISH_CALM_MS;
  }

  /** With the standby supernode that we had, or without one, for we may be looking for it. */
  #isHeld(publication: Publication): boolean {
    const { mailKey } = publication;
    const mailTag = mailKey && mailTagOf(mailKey.mailKey);
    const print = printOf({ ...publication, hidden: this.#tagsOf(publication), mailTag });
    return this.#held === print || (publication.homes.length === 1 && this.#held >>> 16 === print >>> 16);
  }

  #tagsOf({ hiddenFrom = [] }: Publication): Buffer | undefined {
    return this.#identity && hiddenTags(this.#identity.nodeId, hiddenFrom.map(foldName));
  }

  /** Nobody is there to be told. */
  detached(): void {
    this.#wanted = undefined;
    this.#whole = false;
    this.#said = '';
    this.#at = Number.POSITIVE_INFINITY;
  }

  /** True when the message was the answer to ours. */
  receive(now: Millis, value: Message): boolean {
    const ours = value.kind === 'published' || (value.kind === 'failure' && value.body.requestId >= REQUEST_IDS_FROM);
    if (!ours || value.body.requestId !== this.#requestId) return ours;
    if (value.kind === 'failure' && value.body.code === 'request-malformed' && !this.#whole) {
      [this.#whole, this.#at] = [true, now];
      return true;
    }
    if (value.kind === 'failure' && value.body.code === 'busy') {
      // Too few supernodes have it, or it was too much at once.
      this.#at = now + Math.max(PUBLISH_RETRY_MS, Math.min(value.body.retryAfterMs, PUBLISH_CALM_MS));
      return true;
    }
    // Refused: our clock is wrong, perhaps, or the supernode's; later one of them may be right.
    this.#at = now + PUBLISH_AGAIN_MS / (value.kind === 'published' ? 1 : 12);
    return true;
  }

  wake(now: Millis): void {
    if (now < this.#at || !this.#wanted || !this.#identity) return;
    const { nodeId, certificateDer, privateKey } = this.#identity;
    const wallMs = Math.floor(this.#wallClock());
    const again = this.#signedInAtMs === 0 || wallMs >= this.#signedInAtMs + PUBLISH_AGAIN_MS;
    if (again) [this.#signedInAtMs, this.#sequence] = [wallMs, 0];
    this.#held = 0;
    this.#sequence += 1;
    this.#requestId += 1;
    const { homes, displayName, listed, mailKey } = this.#wanted;
    const hidden = this.#tagsOf(this.#wanted);
    const own = {
      nodeId,
      homes,
      displayName,
      listed,
      hidden,
      signedInAtMs: this.#signedInAtMs,
      sequence: this.#sequence,
      mailKey,
    };
    const certificate = this.#whole ? certificateDer : Buffer.alloc(0);
    const entry = sealRecord(own, certificate, privateKey);
    this.#out.push(message('publish', { requestId: this.#requestId, entry } as never));
    this.#at = now + PUBLISH_RETRY_MS;
  }

  wakeAt(): Millis {
    return this.#wanted && this.#identity ? this.#at : Number.POSITIVE_INFINITY;
  }

  /** To our supernode, reliably. */
  drain(): Message[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}
