/**
 * Joining a network, signing up, in and out, and coming back after a restart: the agent's dealings with identity. What
 * is learned is stored in the profile before anybody is told of it.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { RosterEntry } from '../net/index.ts';
import { type Member, nodeIdOf, OrdinaryNode, type OrdinaryNodeEvent, parseInvite, spkiOf } from '../net/index.ts';
import { Driver, openSockets } from '../net/io/index.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, isName } from '../net/protocol/ids.ts';
import type { AgentCore } from './agent-core.ts';
import type { Identity, NetworkRecord } from './profile-file.ts';

const USER_KEY_BITS = 2048;

export interface AccountHooks {
  /** The stored buddy list of that account. */
  readonly rosterOf: (name: string) => readonly RosterEntry[];
  /** Signed in here and now (not after a restart): lists may be merged, lines restored. */
  readonly onMember: (fresh: boolean) => void;
  readonly onNodeEvent: (event: OrdinaryNodeEvent) => void;
}

export class AgentAccount {
  readonly #core: AgentCore;
  readonly #hooks: AccountHooks;

  constructor(core: AgentCore, hooks: AccountHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** After a start: back into the network and the account that the profile remembers. */
  async resume(): Promise<void> {
    const { profile } = this.#core.options;
    const network = profile.network();
    if (!network) return;
    await this.#startNode(network);
    const identity = profile.identity();
    const pem = profile.privateKeyPem();
    if (identity && pem !== undefined) this.#become(identity, createPrivateKey(pem), false);
  }

  async join(inviteText: string): Promise<{ network: string }> {
    const { profile } = this.#core.options;
    const invite = parseInvite(inviteText);
    if (!invite) throw new Refusal('invite-malformed');
    const known = profile.network();
    if (known && !known.authorityPin.equals(invite.authorityPin)) {
      if (profile.identity()) throw new Refusal('invite-other-network', known.network);
      await this.#core.node?.driver.close();
      this.#core.node = undefined;
    }
    const same = known?.authorityPin.equals(invite.authorityPin) ?? false;
    const record: NetworkRecord = {
      network: invite.network,
      authorityPin: invite.authorityPin,
      authorityCertificate: same ? (known?.authorityCertificate ?? null) : null,
      loginServers: invite.loginServers.map(printEndpoint),
      supernodes: invite.supernodes.map(printEndpoint),
    };
    profile.setNetwork(record);
    if (this.#core.node) await this.#restartNode(record);
    else await this.#startNode(record);
    return { network: invite.network };
  }

  async signUp(name: string, password: string, displayName: string): Promise<{ name: string }> {
    this.#refuseOther(name);
    const key = await this.#key();
    const publicKey = spkiOf(createPublicKey(key));
    const request = { kind: 'signUp', name, password, displayName, publicKey } as const;
    return this.#enter(key, await this.#core.ask((ticket) => ({ type: 'login', ticket, request })));
  }

  async signIn(name: string, password: string): Promise<{ name: string }> {
    this.#refuseOther(name);
    const key = await this.#key();
    const publicKey = spkiOf(createPublicKey(key));
    const request = { kind: 'signIn', name, password, publicKey } as const;
    return this.#enter(key, await this.#core.ask((ticket) => ({ type: 'login', ticket, request })));
  }

  /** The login server is told when it can be; here the account is gone in any case. */
  async signOut(): Promise<void> {
    this.#core.signedIn();
    const request = { kind: 'signOut' } as const;
    const told = this.#core.ask((ticket) => ({ type: 'login', ticket, request }));
    await Promise.race([told.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 1_500).unref())]);
    this.#core.command({ type: 'leave' });
    this.#core.options.profile.forgetIdentity();
    this.#core.emit({ type: 'account.signed-out' });
  }

  /** A renewed certificate is kept at once. */
  renewed(event: Extract<OrdinaryNodeEvent, { type: 'renewed' }>): void {
    const { profile } = this.#core.options;
    const identity = profile.identity();
    if (!identity) return;
    const { certificateDer: certificate, expiresAtMs } = event;
    profile.setIdentity({ ...identity, certificate, expiresAtMs });
    const { name, displayName } = identity;
    this.#core.emit({ type: 'account.signed-in', account: { name, displayName, certificateExpiresAtMs: expiresAtMs } });
  }

  /** The CA certificate, once learned, is kept: without it only streams can be used. */
  rememberAuthority(authorityDer: Buffer | undefined): void {
    const { profile } = this.#core.options;
    const network = profile.network();
    if (!authorityDer || !network || network.authorityCertificate) return;
    profile.setNetwork({ ...network, authorityCertificate: authorityDer });
  }

  #refuseOther(name: string): void {
    this.#core.joined();
    if (!isName(name)) throw new Refusal('name-malformed');
    const { account } = this.#core.state;
    if (account && foldName(account.name) !== foldName(name)) throw new Refusal('already-signed-in', account.name);
  }

  async #key(): Promise<KeyObject> {
    const pem = this.#core.options.profile.privateKeyPem();
    if (pem !== undefined) return createPrivateKey(pem);
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: USER_KEY_BITS });
    return privateKey;
  }

  async #enter(key: KeyObject, event: OrdinaryNodeEvent): Promise<{ name: string }> {
    if (event.type !== 'login-reply' || event.message.kind !== 'signedIn') throw new Refusal('server-fault');
    const { name, displayName, certificate, expiresAtMs } = event.message.body;
    this.rememberAuthority(event.authorityDer);
    const { profile } = this.#core.options;
    profile.setPrivateKeyPem(key.export({ type: 'pkcs8', format: 'pem' }).toString());
    const identity = { name, displayName, certificate: Buffer.from(certificate), expiresAtMs, buddyListVersion: 0 };
    profile.setIdentity(identity);
    this.#become(identity, key, true);
    return { name };
  }

  #become(identity: Identity, privateKey: KeyObject, fresh: boolean): void {
    const { name, displayName, certificate, expiresAtMs } = identity;
    const { profile, service } = this.#core.options;
    const member: Member = {
      name,
      displayName,
      nodeId: nodeIdOf(spkiOf(createPublicKey(privateKey))),
      privateKey,
      certificateDer: certificate,
      expiresAtMs,
      roster: this.#hooks.rosterOf(name),
      presence: profile.settings.get().presence,
      isService: service !== undefined,
    };
    this.#core.emit({ type: 'account.signed-in', account: { name, displayName, certificateExpiresAtMs: expiresAtMs } });
    this.#core.command({ type: 'become', member });
    this.#hooks.onMember(fresh);
  }

  /** Another invite of the same network: other addresses, so a new node; the account stays. */
  async #restartNode(network: NetworkRecord): Promise<void> {
    await this.#core.node?.driver.close();
    this.#core.node = undefined;
    await this.#startNode(network);
    const { profile } = this.#core.options;
    const identity = profile.identity();
    const pem = profile.privateKeyPem();
    if (identity && pem !== undefined) this.#become(identity, createPrivateKey(pem), false);
  }

  async #startNode(network: NetworkRecord): Promise<void> {
    const { profile, random, wallClock, version, silence, log, onFault } = this.#core.options;
    const sockets = await openSockets({ port: profile.port(), whenTaken: 'pick' });
    const cached = profile.hostCache().flatMap((entry) => entry.endpoints);
    const core = new OrdinaryNode({
      random,
      wallClock,
      pin: network.authorityPin,
      authorityDer: network.authorityCertificate ?? undefined,
      loginServers: endpoints(network.loginServers),
      supernodes: endpoints([...network.supernodes, ...cached.filter((one) => !network.supernodes.includes(one))]),
      software: `wren ${version}`,
      fillerBody: silence,
    });
    const driver = new Driver({ core, sockets, onEvent: this.#hooks.onNodeEvent, onFault });
    this.#core.node = { driver, core };
    this.#core.emit({ type: 'network.joined', network: network.network });
    driver.start();
    log.info('agent', 'node started', { port: sockets.port });
  }
}

function endpoints(texts: readonly string[]): Endpoint[] {
  return texts.map(parseEndpoint).filter((one) => one !== undefined);
}
