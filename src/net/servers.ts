/**
 * The second face of `net`, for the programs that serve: login server and supernode, and what issues certificates. Apart
 * from `index.ts` so that the agent does not carry node-forge, which costs it 300 KiB of code and its memory.
 */
export { type AuthorityKeys, createAuthority, createTlsOffer, Issuer } from './login/credential-issuer.ts';
export { LoginEffects } from './login/login-effects-io.ts';
export { LoginNode, type LoginNodeCommand, type LoginNodeEvent } from './node/login-node.ts';
export { Supernode, type SupernodeCommand, type SupernodeEvent, type SupernodeLoad } from './node/supernode.ts';
export type { IndexSizes } from './overlay/sized-index.ts';
