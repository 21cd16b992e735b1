/**
 * The face of `net`: the three kinds of node with their commands and events, what their programs need of credentials
 * and invites, and the words that the store keeps. Nothing outside `net` imports past it, save `protocol`.
 */
export { cleanText } from './chat/clean-text.ts';
export type { OwnStatus } from './chat/presence.ts';
export type { RosterCommand } from './chat/roster.ts';
export type { RosterEntry } from './chat/roster-entry.ts';
export { authorityPin, checkCertificate, nodeIdOf, spkiOf } from './login/credential.ts';
export { type AuthorityKeys, createAuthority, Issuer } from './login/credential-issuer.ts';
export { encodeInvite, type Invite, parseInvite } from './login/invite.ts';
export { LoginEffects } from './login/login-effects-io.ts';
export { LoginNode, type LoginNodeCommand, type LoginNodeEvent } from './node/login-node.ts';
export {
  type Member,
  OrdinaryNode,
  type OrdinaryNodeCommand,
  type OrdinaryNodeEvent,
  type OrdinaryNodeOptions,
} from './node/ordinary-node.ts';
export { Supernode, type SupernodeCommand, type SupernodeEvent } from './node/supernode.ts';
