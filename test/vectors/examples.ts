/**
 * One filled-in example of every message and handshake body, in the JSON form of protobuf. `generate.ts` makes
 * `messages.json` from it; `vectors.test.ts` demands that no kind and no field is missing. Values are made up but of
 * the form that PROTOCOL.md asks for; no field has its default, so that each one shows in the bytes.
 */
import type { Json } from './proto-json.ts';

/** `count` bytes counting up from `first`, in base64. */
function run(first: number, count: number): string {
  return Buffer.from(Array.from({ length: count }, (_, i) => (first + i) & 0xff)).toString('base64');
}

const NODE_A = run(0xa0, 16);
const NODE_B = run(0xb0, 16);
const CALL = run(0x40, 16);
const AT_MS = '1767225600000';
/** Stands for DER, whose insides are no matter of these messages. */
const KEY = run(0x30, 24);
const CERTIFICATE = run(0x60, 24);
const PACKET = Buffer.from('8001001c0badcafe00000007000102030405060708090a0b0c0d0e0f10111213', 'hex').toString(
  'base64',
);

/** Its record and signature stand for what `supernode-entry.ts` makes. */
const ENTRY = {
  nodeId: NODE_A,
  endpoints: ['udp:192.0.2.7:4000'],
  certificate: CERTIFICATE,
  record: run(0x0a, 24),
  signature: run(0x70, 32),
};
const NAT_TOLD = { mapping: 'ENDPOINT_INDEPENDENT', filtering: 'FILTERING_ADDRESS_DEPENDENT', udpBlocked: true };
const SUSPECTED = { nodeId: NODE_A, status: 'SUSPECT', incarnation: 5, loadPermille: 400, entryIssuedAtMs: AT_MS };
const INDEX_ENTRY = { certificate: CERTIFICATE, record: run(0x70, 24), signature: run(0x90, 24) };
const INTEREST = { name: 'alice1', watcher: 'Bobby1', watcherNode: NODE_B };

export const MESSAGES: { readonly [kind: string]: Json } = {
  failure: { requestId: 7, code: 'too-many-tries', detail: 'sign-ups from this host', retryAfterMs: 9500 },
  signUp: {
    requestId: 1,
    name: 'Bobby1',
    password: 'correct horse battery',
    displayName: 'Bobby Tables',
    publicKey: KEY,
  },
  signIn: { requestId: 1, name: 'bobby1', password: 'correct horse battery', publicKey: KEY },
  signedIn: {
    requestId: 1,
    name: 'Bobby1',
    displayName: 'Bobby Tables',
    certificate: CERTIFICATE,
    expiresAtMs: '1767484800000',
    buddyListVersion: 3,
    serverTimeMs: AT_MS,
  },
  renew: { requestId: 2, publicKey: KEY },
  signOut: { requestId: 3 },
  done: { requestId: 3 },
  buddyListGet: { requestId: 4 },
  buddyListPut: { requestId: 5, baseVersion: 3, xml: Buffer.from('<buddies version="1"/>').toString('base64') },
  buddyList: { requestId: 4, version: 3, xml: Buffer.from('<buddies version="1"/>').toString('base64') },
  enrolSupernode: {
    requestId: 6,
    publicKey: KEY,
    endpoints: ['udp:192.0.2.7:4000', 'udp:[2001:db8::7]:4000'],
    entry: ENTRY,
  },
  supernodeEnrolled: { requestId: 6, certificate: CERTIFICATE, expiresAtMs: '1769817600000' },
  supernodesGet: { requestId: 8 },
  supernodes: {
    requestId: 8,
    entries: [ENTRY, { nodeId: NODE_B, endpoints: ['udp:198.51.100.9:4000', 'tcp:198.51.100.9:443'] }],
  },
  attach: {
    requestId: 1,
    displayName: 'Bobby Tables',
    listed: true,
    hiddenFrom: ['Mallory'],
    watch: ['alice1', 'carol-2'],
    software: 'wren 0.1.0',
    standby: true,
  },
  attached: {
    requestId: 1,
    observed: 'udp:203.0.113.5:61234',
    loginServers: ['tcp:192.0.2.2:4000'],
    keepAliveMs: 15_000,
    alternates: [ENTRY],
    present: [{ name: 'alice1', nodeId: NODE_A }],
    presentFollows: true,
    record: 305419896,
  },
  detach: {},
  keepAlive: { id: 12 },
  keepAliveReply: { id: 12, observed: 'udp:203.0.113.5:61234', attached: true },
  lookup: { requestId: 9, name: 'alice1' },
  whereabouts: { requestId: 9, name: 'alice1', nodeIds: [NODE_A, NODE_B] },
  search: { requestId: 10, pattern: 'ali*', limit: 20, after: '2 alice1', asOfMs: AT_MS },
  searchResults: {
    requestId: 10,
    hits: [{ name: 'alice1', displayName: 'Alice Liddell' }],
    complete: true,
    next: '2 alice1',
    asOfMs: AT_MS,
  },
  watch: { names: ['alice1', 'carol-2'] },
  seen: { name: 'alice1', nodeId: NODE_A, attached: true, wasHere: true },
  forward: { target: NODE_A, packet: PACKET },
  forwarded: { source: NODE_B, packet: PACKET },
  forwardFailed: { target: NODE_A },
  loginCarry: { channel: 7, packets: PACKET, end: true, observed: '203.0.113.5' },
  loginCarried: { channel: 7, packets: PACKET, end: true },
  presence: { status: 'DO_NOT_DISTURB', displayName: 'Bobby Täbles', sinceMs: AT_MS, answerWanted: true },
  buddyRequest: { message: 'we met at the lake', displayName: 'Bobby Tables', askedAtMs: AT_MS },
  buddyAnswer: { accepted: true, askedAtMs: AT_MS, decidedAtMs: '1767225660000' },
  chatMessage: {
    messageId: run(0x10, 16),
    sequence: 42,
    sentAtMs: AT_MS,
    text: 'tea? ☕\nat five',
    waitingFrom: 41,
  },
  chatReceipt: { messageIds: [run(0x10, 16), run(0x20, 16)] },
  callInvite: {
    callId: CALL,
    candidates: ['udp:10.0.0.5:4000', 'udp:[2001:db8::5]:4000'],
    relays: [NODE_A, NODE_B],
  },
  callRinging: { callId: CALL },
  callAnswer: { callId: CALL, candidates: ['udp:10.0.0.6:4100'], relays: [NODE_B] },
  callEnd: { callId: CALL, reason: 'answered-elsewhere' },
  callHold: { callId: CALL, on: true },
  callMute: { callId: CALL, on: true },
  callCandidates: {
    callId: CALL,
    candidates: ['udp:203.0.113.5:61234', 'udp:10.0.0.5:4000'],
    relays: [NODE_A, NODE_B],
  },
  pathProbe: { transaction: run(0xf0, 8), callId: CALL },
  pathReply: { transaction: run(0xf0, 8), seen: 'udp:203.0.113.5:61234' },
  pathOpened: { callId: CALL, mapping: 'ADDRESS_AND_PORT_DEPENDENT' },
  mediaReport: {
    callId: CALL,
    highest: 70_000,
    received: 69_950,
    jitterMsX16: 53,
    echoReport: 611,
    heldMs: 87,
    report: 612,
    bufferMs: 60,
    concealedPermille: 4,
  },
  rekey: { epoch: 1, ephemeral: run(0x80, 32) },
  rekeyReply: { epoch: 1, ephemeral: run(0xc0, 32) },
  close: { reason: 'signed out' },
  entriesGet: { requestId: 11, nodeIds: [NODE_A, NODE_B] },
  entries: { requestId: 11, entries: [ENTRY] },
  leaving: { afterMs: 750, next: ENTRY },
  vouch: { target: NODE_A },
  vouched: { source: NODE_B, host: '203.0.113.5' },
  pathPorts: { callId: CALL, ports: [61_235, 1_024] },
  natProbe: { transaction: run(0x90, 16), target: 'udp:203.0.113.5:61234' },
  quota: { cap: 'person', bytesPerSecond: 16_000, dropped: 17 },
  swimPing: { sequence: 70_001, news: [SUSPECTED] },
  swimAck: { sequence: 70_001, news: [SUSPECTED], target: NODE_B },
  swimAsk: { sequence: 70_001, target: NODE_B, news: [SUSPECTED] },
  swimNews: { news: [SUSPECTED] },
  membersSync: { members: [SUSPECTED], answerWanted: true },
  pathTest: { testId: CALL, candidates: ['udp:192.0.2.7:4000'], relays: [NODE_A], nat: NAT_TOLD },
  pathTestAnswer: {
    testId: CALL,
    refused: 'busy',
    retryAfterMs: 9500,
    candidates: ['udp:192.0.2.9:4000'],
    relays: [NODE_A],
    nat: NAT_TOLD,
  },
  pathTestEcho: { testId: CALL, number: 7, answer: true, padding: run(0x00, 8) },
  pathTestEnd: { testId: CALL },
  publish: { requestId: 11, entry: INDEX_ENTRY },
  published: { requestId: 11 },
  indexPut: { entries: [INDEX_ENTRY] },
  indexDigest: { digests: run(0x00, 2_048) },
  indexBuckets: { versions: [{ nodeId: NODE_A, signedInAtMs: AT_MS, sequence: 2 }], buckets: run(0xa0, 2) },
  indexGet: { nodeIds: [NODE_A, NODE_B] },
  lookupAt: { requestId: 12, name: 'alice1', viewer: 'Bobby1' },
  whereaboutsAt: { requestId: 12, nodeIds: [NODE_A] },
  interests: { number: 3, afresh: true, added: [INTEREST], dropped: [{ ...INTEREST, name: 'carol-2' }] },
  interestsTaken: { number: 3 },
  seenAt: { watcherNode: NODE_B, name: 'alice1', nodeId: NODE_A, attached: true },
  transit: { source: NODE_B, target: NODE_A, packet: PACKET, sourceName: 'Bobby1' },
  transitFailed: { source: NODE_B, target: NODE_A, sourceUnknown: true },
  vouchAt: { source: NODE_B, target: NODE_A, host: '192.0.2.7' },
  slotPut: { requestId: 13, entries: [{ entry: INDEX_ENTRY, also: ['tables'] }], leaves: ['u:al', 'w:bo'] },
  slotTaken: { requestId: 13, also: ['tables'], leaves: ['u:ali'], refused: true },
  slotAsk: {
    requestId: 14,
    name: 'alice1',
    leaves: ['u:', 'u:al'],
    pattern: 'al*1',
    after: 'alice0',
    asOfMs: AT_MS,
    limit: 51,
    full: true,
    nodeIds: [NODE_A],
  },
  slotAnswer: {
    requestId: 14,
    learning: true,
    entries: [INDEX_ENTRY],
    versions: [{ nodeId: NODE_A, signedInAtMs: AT_MS, sequence: 2 }],
    leaves: ['u:ali'],
  },
  slotCompare: {
    step: 'DIFFERS',
    slot: 9,
    learning: true,
    digests: run(0x00, 128),
    buckets: run(0x0a, 2),
    versions: [{ nodeId: NODE_A, signedInAtMs: AT_MS, sequence: 2 }],
    wanted: [NODE_B],
    leafDigest: run(0xc0, 8),
    leaves: ['u:al'],
    leavesWanted: true,
  },
  dialBackAsk: {
    requestId: 15,
    nonces: [run(0x10, 16), run(0x20, 16)],
    port: 4400,
    padding: Buffer.alloc(6).toString('base64'),
  },
  dialBackFor: { nonce: run(0x20, 16), host: '203.0.113.5', port: 4400 },
  dialBackTold: { requestId: 15, dialling: 2, supernodes: 4, loadPermille: 120, host: '203.0.113.5' },
  bandwidthProbe: { train: 3, filling: Buffer.alloc(7).toString('base64') },
  bandwidthSeen: { train: 3, packets: 24, bytes: 24_000, spanMs: 680 },
};

export const BODIES: { readonly [type: string]: Json } = {
  Hello: {
    versions: [1],
    suites: [1],
    senderIndex: 0x0badcafe,
    nonce: run(0x01, 16),
    ephemeral: run(0x80, 32),
    wantAuthority: true,
    cookie: run(0x51, 16),
    padding: Buffer.alloc(5).toString('base64'),
    ticket: run(0x61, 16),
    binder: run(0xa0, 32),
  },
  Cookie: { cookie: run(0x51, 16), inFull: true },
  Auth1: {
    version: 1,
    suite: 1,
    senderIndex: 0xfeedf00d,
    nonce: run(0x21, 16),
    ephemeral: run(0xc0, 32),
    sealed: run(0x00, 40),
    confirm: run(0xb0, 32),
  },
  Auth2: { sealed: run(0x00, 40), confirm: run(0xb0, 32) },
  Proof: { certificate: CERTIFICATE, signature: run(0x70, 32), authorityCertificate: run(0x90, 24) },
  WhoAmI: {
    transaction: run(0x90, 16),
    cookie: run(0x51, 8),
    fromHost: run(0xd0, 16),
    fromPort: run(0xe0, 16),
    avoid: [run(0xc6, 4), run(0x20, 16)],
    padding: Buffer.alloc(5).toString('base64'),
  },
  YouAre: {
    transaction: run(0x90, 16),
    host: run(0xcb, 4),
    port: 61_234,
    cookie: run(0x51, 8),
    otherPort: 4001,
    hostAsked: true,
    portAsked: true,
  },
  Elsewhere: { nonce: run(0x01, 16), record: run(0x0a, 24), signature: run(0x70, 32), certificate: CERTIFICATE },

  SupernodeRecord: { nodeId: NODE_A, endpoints: ['udp:192.0.2.7:4000', 'tcp:192.0.2.7:443'], issuedAtMs: AT_MS },
  Invite: {
    version: 1,
    network: 'testnet',
    authorityPin: run(0x00, 32),
    loginServers: ['tcp:login.example:4000'],
    supernodes: ['udp:192.0.2.7:4000'],
    check: run(0xe0, 4),
  },
  IndexRecord: {
    nodeId: NODE_A,
    displayName: 'Alice Liddell',
    homes: [NODE_B],
    signedInAtMs: AT_MS,
    sequence: 2,
    listed: true,
  },
};

/** Bytes that a reader must understand although no writer of ours makes them, and bytes that are no message. */
export const READINGS: readonly { readonly what: string; readonly hex: string; readonly json: Json | null }[] = [
  { what: 'an empty body is a message whose fields all have their defaults', hex: 'b20100', json: { detach: {} } },
  { what: 'defaults that are written out', hex: 'c202080800120018002000', json: { presence: {} } },
  {
    what: 'a field that the reader does not know (number 99)',
    hex: '3a050803980601',
    json: { done: { requestId: 3 } },
  },
  { what: 'fields in another order', hex: '32059806010804', json: { signOut: { requestId: 4 } } },
  { what: 'two kinds in one message: the later counts', hex: '3a02080332020804', json: { signOut: { requestId: 4 } } },
  { what: 'an enum value from the future', hex: 'c202020809', json: { presence: { status: 9 } } },
  { what: 'nothing at all', hex: '', json: null },
  { what: 'a kind that the reader does not know (number 99)', hex: '9a0600', json: null },
  { what: 'a body that is longer than what came', hex: '3a05080398', json: null },
  { what: 'a varint without end', hex: '3a0b08ffffffffffffffffffff', json: null },
  { what: 'a text that is not UTF-8', hex: 'c202041202c328', json: null },
];
