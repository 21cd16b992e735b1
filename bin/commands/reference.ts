/**
 * What goes with every command and stands in no flag: exit codes, the environment, files. One table for the foot of `wren --help`
 * and for the man page. Pure.
 */

export const EXIT_CODES: readonly (readonly [code: string, short: string, about: string])[] = [
  ['0', 'done', 'Done. For check: voice can go direct. For a call: somebody answered, and one side hung up.'],
  ['1', 'works but degraded', 'It works, but degraded. For check: relayed, over TCP only, or with a warning.'],
  ['2', 'could not', 'It could not be done: unreachable, declined, no answer, nothing found, interrupted.'],
  ['3', 'usage', 'The command line makes no sense; a sentence says what to type instead.'],
  ['4', 'refused', 'Refused: wrong password, a name that is taken, blocked, a profile that others can write to.'],
  ['5', 'our own fault', 'A fault of wren itself; the message says where the log is.'],
];

export const ENVIRONMENT: readonly (readonly [name: string, about: string])[] = [
  ['WREN_PROFILE', 'The state folder, unless --profile names one.'],
  ['WREN_PASSWORD', 'The password for signup and signin, instead of a hidden prompt.'],
  ['WREN_INVITE', 'The invite for join, supernode and echo.'],
  ['WREN_SUPERNODE', 'Whether this machine may serve as a supernode: auto (asks once), never or always.'],
  ['WREN_RELAY_KBPS', 'Most that a supernode here relays for others, kbit/s.'],
  ['WREN_NO_INSTALL_PING', 'Set to 1: no login server is told of the installation.'],
  ['WREN_NO_SECRET_STORE', "Set to 1: the system's secret store is left alone, and histories are not encrypted."],
  ['WREN_SCREEN_READER', 'Set to 1: lines for a screen reader instead of the screen, as --screen-reader.'],
  ['WREN_NO_CODE_CACHE', 'Set to 1: compiled code is not kept between two starts.'],
  ['NO_COLOR', 'No colours, if it is not empty.'],
  ['HTTPS_PROXY', 'The proxy for --proxy auto, also in small letters; so are the next three.'],
  ['ALL_PROXY', 'The same for whatever HTTPS_PROXY does not name.'],
  ['HTTP_PROXY', 'The same, if neither names one.'],
  ['NO_PROXY', 'Hosts that are reached without a proxy.'],
];

/** In the profile. */
export const FILES: readonly (readonly [name: string, about: string])[] = [
  ['settings.json', 'What was chosen: sound, presence, proxy, serving.'],
  ['key.pem, identity.json', 'The key of this device, and the certificate of the account. Never share them.'],
  ['network.json', 'The network that was joined.'],
  ['host-cache.json', 'Supernodes, and how each did on the networks that this machine was on.'],
  ['buddies.xml', 'The buddy list; the login server has a copy.'],
  ['history-NAME.db', 'Messages and calls, encrypted where the system has a secret store.'],
  ['agent.log, voice.log, command.log', 'What happened, with names and addresses made unreadable in the first.'],
  ['agent.sock', 'Where commands and screens speak to the agent; its user alone can open it.'],
];
