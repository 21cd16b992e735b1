/**
 * The face of `net` for a person's program: the ordinary node with its commands and events, invites and certificates to
 * read, and the words that the store keeps. What serves is in `servers.ts`. Nothing outside `net` imports past these two,
 * save `protocol`.
 */
export { cleanText } from './chat/clean-text.ts';
export {
  asKnownTo,
  type GroupState,
  groupTime,
  isGroupTitle,
  isMember,
  membersOf,
  mergeGroups,
  mergeHeard,
  mergeOwn,
  newestOf,
  readGroup,
  wireGroup,
  withMembers,
} from './chat/group-state.ts';
export type { OwnStatus } from './chat/presence.ts';
export type { RosterCommand } from './chat/roster.ts';
export type { RosterEntry } from './chat/roster-entry.ts';
export {
  type AccountKey,
  accountKeyOf,
  type MailKey,
  mailKeyOf,
  openAccountKey,
  preparedPassword,
  sealAccountKey,
  sealingSalt,
} from './login/account-key.ts';
export { authorityPin, checkCertificate, nodeIdOf, spkiOf } from './login/credential.ts';
export {
  type Device,
  type DeviceList,
  deviceLabel,
  type OpenedDevices,
  openDevices,
  readDevices,
  type SignedDevices,
  signDevices,
  standingOf,
  successor,
  withAdded,
  withoutCertificates,
  withoutDevice,
  withRevoked,
} from './login/device-list.ts';
export { encodeInvite, type Invite, parseInvite } from './login/invite.ts';
export type { LoginRequest } from './login/login-client.ts';
export { type SafetyHalf, safetyWords } from './login/safety-words.ts';
export { type NatClass, type NatKind, natClass } from './nat/nat-kind.ts';
export type { DevicesNews, DevicesStart, KnownDevices } from './node/device-book.ts';
export { Knocker, type KnockerCommand, type KnockerEvent } from './node/knocker.ts';
export {
  type Member,
  OrdinaryNode,
  type OrdinaryNodeCommand,
  type OrdinaryNodeEvent,
  type OrdinaryNodeOptions,
  type Ticket,
} from './node/ordinary-node.ts';
export type { PathReport } from './node/path-desk.ts';
export type { OwnDeviceNews, SyncMessage } from './node/people.ts';
export type { Consent, Judgement, Machine, PromotionNews, Why } from './node/promotion-desk.ts';
export type { Remembered } from './overlay/known-supernodes.ts';
