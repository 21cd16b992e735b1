/**
 * Joining a network, signing up, in and out, and coming back after a restart: the agent's dealings with identity. What
 * is learned is stored in the profile before anybody is told of it. These take their turns: two screens that sign in at
 * the same moment must not make two people of one agent.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { LoginRequest, RosterEntry, Ticket } from '../net/index.ts';
import { type Member, nodeIdOf, OrdinaryNode, type OrdinaryNodeEvent, parseInvite, spkiOf } from '../net/index.ts';
import { Driver } from '../net/io/index.ts';
import { type Endpoint, parseEndpoint, printEndpoint } from '../net/protocol/endpoint.ts';
import { Refusal } from '../net/protocol/failures.ts';
import { foldName, isName } from '../net/protocol/ids.ts';
import type { AgentCore } from './agent-core.ts';
import { type AgentDevices, sealingKeyOf } from './agent-devices.ts';
import { noticeInstall } from './agent-install-notice.ts';
import { openPorts } from './agent-ports.ts';
import { openProxy, proxyTrouble } from './agent-proxy.ts';
import type { AgentResults } from './port.ts';
import type { Identity, NetworkRecord } from './profile-file.ts';

const USER_KEY_BITS = 2048;

export interface AccountHooks {
  /** The stored buddy list of that account. */
  readonly devices: Pick<AgentDevices, 'entered' | 'load' | 'leave' | 'forget' | 'mailKeys'>;
  readonly rosterOf: (name: string) => readonly RosterEntry[];
  readonly ticketsOf: () => readonly Ticket[];
  /** Signed in: lists may be merged, lines restored. */
  readonly onMember: () => void;
  /** About to sign out: what is said now still gets through. */
  readonly onLeaving: () => void;
  readonly onNodeEvent: (event: OrdinaryNodeEvent) => void;
  /** The node runs, and takes commands. */
  readonly onNode: () => void;
}

export class AgentAccount {
  readonly #core: AgentCore;
  readonly #hooks: AccountHooks;
  #turn: Promise<unknown> = Promise.resolve();
  #nextKey: Promise<KeyObject> | undefined;

  constructor(core: AgentCore, hooks: AccountHooks) {
    this.#core = core;
    this.#hooks = hooks;
  }

  /** After a start: back into the network and the account that the profile remembers. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      const { profile } = this.#core.options;
      if (profile.privateKeyPem() === undefined) this.#prepareKey().catch(() => {});
      const network = profile.network();
      if (!network) return;
      await this.#startNode(network);
      this.#becomeStored();
    });
  }

  /** `tellInstall`: whether the install notice may be sent, if it is due. */
  join(inviteText: string, tellInstall: boolean): Promise<AgentResults['network.join']> {
    return this.#inTurn(() => this.#join(inviteText, tellInstall));
  }

  signUp(name: string, password: string, displayName: string): Promise<{ name: string }> {
    return this.#inTurn(() =>
      this.#enter(name, password, (publicKey) => ({ kind: 'signUp', name, password, displayName, publicKey })),
    );
  }

  signIn(name: string, password: string): Promise<{ name: string }> {
    return this.#inTurn(() =>
      this.#enter(name, password, (publicKey) => ({ kind: 'signIn', name, password, publicKey })),
    );
  }

  /** The login server is told when it can be; here the account is gone in any case. */
  signOut(): Promise<void> {
    return this.#inTurn(() => this.#signOut());
  }

  async #join(inviteText: string, tellInstall: boolean): Promise<AgentResults['network.join']> {
    const { profile } = this.#core.options;
    const invite = parseInvite(inviteText);
    if (!invite) throw new Refusal('invite-malformed');
    const known = profile.network();
    if (known && !known.authorityPin.equals(invite.authorityPin)) {
      if (profile.identity()) throw new Refusal('invite-other-network', known.network);
      await this.#core.closeNode();
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
    // Another invite of the same network: other addresses, so a new node; the account stays.
    await this.#core.closeNode();
    await this.#startNode(record);
    this.#becomeStored();
    const told = known === undefined && noticeInstall(this.#core, invite.loginServers, tellInstall);
    return { network: invite.network, installNotice: told };
  }

  async #signOut(): Promise<void> {
    this.#core.signedIn();
    this.#hooks.onLeaving();
    const request = { kind: 'signOut' } as const;
    await this.#hooks.devices.leave();
    const told = this.#core.ask((ticket) => ({ type: 'login', ticket, request }));
    await Promise.race([told.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 1_500).unref())]);
    this.#forget();
  }

  /** Another device of the account has revoked this one: it is signed out, and the person told. */
  dismissed(): Promise<void> {
    return this.#inTurn(async () => {
      const { account } = this.#core.state;
      if (!account) return;
      this.#hooks.onLeaving();
      this.#forget();
      this.#core.notice('device-revoked', account.name);
    });
  }

  #forget(): void {
    this.#core.command({ type: 'leave' });
    this.#hooks.devices.forget();
    this.#core.options.profile.forgetIdentity();
    this.#core.closeHistory();
    this.#core.emit({ type: 'account.signed-out' });
    this.#prepareKey().catch(() => {});
  }

  /** A renewed certificate is kept at once. When it cannot be, the old one is renewed again after a restart. */
  renewed(event: Extract<OrdinaryNodeEvent, { type: 'renewed' }>): void {
    const { profile } = this.#core.options;
    const identity = profile.identity();
    if (!identity) return;
    const { certificateDer: certificate, expiresAtMs } = event;
    try {
      profile.setIdentity({ ...identity, certificate, expiresAtMs });
    } catch (error) {
      this.#core.trouble(error, 'identity.json');
    }
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

  /** A key takes a fifth of a second: it is made while the person still types. */
  #prepareKey(): Promise<KeyObject> {
    this.#nextKey ??= promisify(generateKeyPair)('rsa', { modulusLength: USER_KEY_BITS }).then(
      ({ privateKey }) => privateKey,
    );
    return this.#nextKey;
  }

  async #enter(
    name: string,
    password: string,
    request: (publicKey: Buffer) => LoginRequest,
  ): Promise<{ name: string }> {
    this.#refuseOther(name);
    const sealing = sealingKeyOf(name, password);
    sealing.catch(() => {});
    const pem = this.#core.options.profile.privateKeyPem();
    const key = pem === undefined ? await this.#prepareKey() : createPrivateKey(pem);
    const asked = request(spkiOf(createPublicKey(key)));
    // The figures of a sign-in count from here: what follows is the network.
    this.#core.options.log.info('account', 'sign-in begins', { request: asked.kind });
    const reply = await this.#askLogin(asked);
    return this.#entered(key, reply, await sealing);
  }

  async #askLogin(request: LoginRequest): Promise<OrdinaryNodeEvent> {
    try {
      return await this.#core.ask((ticket) => ({ type: 'login', ticket, request }));
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'unreachable-login') throw error;
      throw new Refusal(error.code, proxyTrouble(this.#core));
    }
  }

  #entered(key: KeyObject, event: OrdinaryNodeEvent, sealingKey: Buffer): { name: string } {
    if (event.type !== 'login-reply' || event.message.kind !== 'signedIn') throw new Refusal('server-fault');
    const { name, displayName, certificate, expiresAtMs, devices, sealedKey } = event.message.body;
    this.rememberAuthority(event.authorityDer);
    // First of all, for it may be refused: a full disk then changes nothing.
    this.#core.openHistoryOf(name);
    const { profile } = this.#core.options;
    profile.setPrivateKeyPem(key.export({ type: 'pkcs8', format: 'pem' }).toString());
    const identity = { name, displayName, certificate: Buffer.from(certificate), expiresAtMs };
    profile.setIdentity(identity);
    this.#nextKey = undefined;
    const nodeId = nodeIdOf(spkiOf(createPublicKey(key)));
    this.#hooks.devices.entered({
      ...{ name, nodeId, certificate: identity.certificate, devices, sealedKey, sealingKey },
    });
    this.#become(identity, key);
    return { name };
  }

  #becomeStored(): void {
    const { profile } = this.#core.options;
    const identity = profile.identity();
    const pem = profile.privateKeyPem();
    if (identity && pem !== undefined) this.#become(identity, createPrivateKey(pem));
  }

  #become(identity: Identity, privateKey: KeyObject): void {
    const { name, displayName, certificate, expiresAtMs } = identity;
    this.#core.openHistoryOf(name);
    const { profile, service } = this.#core.options;
    const nodeId = nodeIdOf(spkiOf(createPublicKey(privateKey)));
    const devices = this.#hooks.devices.load(name, nodeId, certificate);
    const { seeds: mailSeeds, sinceMs: mailSinceMs } = this.#hooks.devices.mailKeys;
    const member: Member = {
      name,
      displayName,
      nodeId,
      devices,
      mailSeeds,
      mailSinceMs,
      privateKey,
      certificateDer: certificate,
      expiresAtMs,
      roster: this.#hooks.rosterOf(name),
      presence: profile.settings.get().presence,
      isService: service !== undefined,
      tickets: this.#hooks.ticketsOf(),
    };
    this.#core.emit({ type: 'account.signed-in', account: { name, displayName, certificateExpiresAtMs: expiresAtMs } });
    this.#core.command({ type: 'become', member });
    this.#hooks.onMember();
  }

  /** Nobody begins before whoever came earlier has ended, well or not. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #startNode(network: NetworkRecord): Promise<void> {
    const { profile, random, wallClock, version, silence, log, onFault, internet } = this.#core.options;
    const proxy = openProxy(this.#core);
    const sockets = await openPorts(this.#core, proxy);
    const core = new OrdinaryNode({
      random,
      wallClock,
      pin: network.authorityPin,
      authorityDer: network.authorityCertificate ?? undefined,
      loginServers: endpoints(network.loginServers),
      supernodes: endpoints(network.supernodes),
      remembered: profile.hostCache(),
      hasProxy: proxy !== undefined,
      software: `wren ${version}`,
      fillerBody: silence,
      answersPathTests: () => profile.settings.get().pathTests,
    });
    const clock = internet?.clock;
    const driver = new Driver({
      core,
      sockets,
      onEvent: this.#hooks.onNodeEvent,
      onFault,
      ...(clock ? { clock } : {}),
    });
    this.#core.node = { driver, core, sockets };
    this.#core.emit({ type: 'network.joined', network: network.network });
    driver.start();
    this.#hooks.onNode();
    const { port, alsoTcp } = sockets;
    log.info('agent', 'node started', { port, alsoTcp: alsoTcp.join(' ') });
  }
}

function endpoints(texts: readonly string[]): Endpoint[] {
  return texts.map(parseEndpoint).filter((one) => one !== undefined);
}
