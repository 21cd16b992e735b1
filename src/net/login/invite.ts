/**
 * The invite: what a person passes to another so that a machine can join a network. `wren:` and base64url of the
 * protobuf `Invite` (wire/wren.proto): the network's name, the pin of its authority, where to find login servers and
 * supernodes. It holds no secret; whoever has it can join, and cannot be led to another network.
 *
 * It is made by `wren up` and `wren login-server`, and comes back through mail, chat and clipboards, so parsing
 * forgives white space and line breaks anywhere. The last field is a checksum: a text that was cut short would
 * otherwise still be a well-formed invite with less in it.
 */
import { createHash } from 'node:crypto';
import { type Endpoint, parseEndpoint, printEndpoint } from '../protocol/endpoint.ts';
import { INVITE_ENDPOINTS_MAX, INVITE_TEXT_LENGTH_MAX, NETWORK_NAME_LENGTH_MAX } from '../protocol/params.ts';
import { decodeBody, encodeBody } from '../wire/messages.ts';

export interface Invite {
  /** A name for people; says nothing about identity. */
  readonly network: string;
  /** SHA-256 of the CA's public key (SPKI), 32 bytes. */
  readonly authorityPin: Buffer;
  /** Hosts may be names here. */
  readonly loginServers: readonly Endpoint[];
  readonly supernodes: readonly Endpoint[];
}

const SCHEME = 'wren:';
const VERSION = 1;
const PIN_BYTES = 32;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const NETWORK_NAME = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
/** Tag and length of field 6, `check`, which ends every invite. */
const CHECK_HEADER = Buffer.of(0x32, 0x04);
const CHECK_BYTES = 4;

/** The text, one line without spaces. Throws when the invite is outside the bounds that `parseInvite` keeps. */
export function encodeInvite(invite: Invite): string {
  const bare = encodeBody('Invite', {
    version: VERSION,
    network: invite.network,
    authorityPin: invite.authorityPin,
    loginServers: invite.loginServers.map(printEndpoint),
    supernodes: invite.supernodes.map(printEndpoint),
  });
  const text = SCHEME + Buffer.concat([bare, CHECK_HEADER, checkOf(bare)]).toString('base64url');
  if (!parseInvite(text)) throw new Error('an invite out of bounds');
  return text;
}

/** Undefined when the text is no invite, was cut short or mistyped, or is of a later version. Never throws. */
export function parseInvite(text: string): Invite | undefined {
  // Wrapped to lines of any width, the text at most doubles; no need to look at more.
  if (text.length > 2 * INVITE_TEXT_LENGTH_MAX) return undefined;
  const joined = text.replace(/\s+/g, '');
  if (joined.length > INVITE_TEXT_LENGTH_MAX || joined.slice(0, SCHEME.length).toLowerCase() !== SCHEME)
    return undefined;
  const coded = joined.slice(SCHEME.length);
  const bytes = BASE64URL.test(coded) ? uncheck(Buffer.from(coded, 'base64url')) : undefined;
  const body = bytes && decodeBody('Invite', bytes);
  if (body?.version !== VERSION || body.authorityPin.length !== PIN_BYTES) return undefined;
  if (body.network.length > NETWORK_NAME_LENGTH_MAX || !NETWORK_NAME.test(body.network)) return undefined;
  const loginServers = endpointsOf(body.loginServers);
  const supernodes = endpointsOf(body.supernodes);
  if (!loginServers || !supernodes || loginServers.length === 0) return undefined;
  return { network: body.network, authorityPin: Buffer.from(body.authorityPin), loginServers, supernodes };
}

function endpointsOf(texts: readonly string[]): Endpoint[] | undefined {
  if (texts.length > INVITE_ENDPOINTS_MAX) return undefined;
  const endpoints = texts.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
  return endpoints.length === texts.length ? endpoints : undefined;
}

/** What stands before the checksum, when that is right. */
function uncheck(bytes: Buffer): Buffer | undefined {
  const end = bytes.length - CHECK_BYTES - CHECK_HEADER.length;
  if (end <= 0 || !bytes.subarray(end, -CHECK_BYTES).equals(CHECK_HEADER)) return undefined;
  const bare = bytes.subarray(0, end);
  return checkOf(bare).equals(bytes.subarray(-CHECK_BYTES)) ? bare : undefined;
}

function checkOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECK_BYTES);
}
