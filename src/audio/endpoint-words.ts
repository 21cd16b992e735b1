/**
 * The words of a forwarded endpoint (PROTOCOL.md 10.4), typed and read: what the two ends say to each other before and
 * beside the frames of a call, and which words of the voice port may pass. Pure; never throws. What the laptop says is
 * checked field by field, for it comes from another machine; what HOST says is whittled down to what may be done here.
 */
import { ENDPOINT_CODE_DIGITS, ENDPOINT_TEXT_LENGTH_MAX, ENDPOINT_TOKEN_DIGITS } from './params.ts';
import type { BackendKind, CodecKind, FromVoice, ToVoice } from './port.ts';
import { asToVoice, encodeControl } from './port-codec.ts';

export type RefusedWhy = 'code' | 'token' | 'taken' | 'version';

/** Far -> near. */
export type FarWord =
  | { readonly type: 'enrol'; readonly version: number; readonly code: string; readonly token: string }
  | { readonly type: 'hello'; readonly version: number; readonly token: string };

/** Near -> far. */
export type NearWord =
  | { readonly type: 'enrolled'; readonly name: string }
  | { readonly type: 'welcome'; readonly version: number; readonly name: string }
  | { readonly type: 'refused'; readonly why: RefusedWhy }
  | { readonly type: 'bye'; readonly why: 'newer' };

/** Both ways. */
export type LifeWord = { readonly type: 'ping' | 'pong'; readonly at: number };

export type EndpointWord = FarWord | NearWord | LifeWord;

/** One JSON object as it came. */
type Fields = { readonly [field: string]: unknown };

/** One word as a frame that the caller owns. */
export function encodeWord(word: EndpointWord): Buffer {
  return encodeControl(word as unknown as ToVoice);
}

export function isToken(text: unknown): text is string {
  return typeof text === 'string' && text.length === ENDPOINT_TOKEN_DIGITS && /^[0-9a-f]+$/.test(text);
}

export function isCode(text: unknown): text is string {
  return typeof text === 'string' && text.length === ENDPOINT_CODE_DIGITS && /^[0-9a-f]+$/.test(text);
}

/** First frame of a connection, at the near end. */
export function asFarWord({ type, version, code, token }: Fields): FarWord | undefined {
  if (typeof version !== 'number' || !isToken(token)) return undefined;
  if (type === 'hello') return { type, version, token };
  return type === 'enrol' && isCode(code) ? { type, version, code, token } : undefined;
}

export function asLifeWord({ type, at }: Fields): LifeWord | undefined {
  return (type === 'ping' || type === 'pong') && isFigure(at) ? { type, at } : undefined;
}

const REFUSALS: ReadonlySet<unknown> = new Set<RefusedWhy>(['code', 'token', 'taken', 'version']);

/** Of the near end, outside of a call's frames. */
export function asNearWord({ type, version, name, why }: Fields): NearWord | undefined {
  if (type === 'enrolled' && typeof name === 'string') return { type, name: plain(name) };
  if (type === 'welcome' && typeof version === 'number' && typeof name === 'string')
    return { type, version, name: plain(name) };
  if (type === 'refused' && REFUSALS.has(why)) return { type, why: why as RefusedWhy };
  return type === 'bye' ? { type, why: 'newer' } : undefined;
}

/** What of HOST's words reaches the laptop's voice process: nothing that names a file, and of legs only the one there is. */
export function toNearVoice(value: Fields, spec: string): ToVoice | undefined {
  const word = asToVoice(value);
  if (!word) return undefined;
  switch (word.type) {
    case 'start':
      return { type: 'start', spec, call: '' };
    case 'mute':
    case 'hold':
    case 'rung':
    case 'way':
      return word.talker ? undefined : word;
    case 'filters':
    case 'stop':
      return word;
    default:
      return undefined;
  }
}

export type NearVoiceWord = Extract<
  FromVoice,
  { type: 'ready' | 'using' | 'problem' | 'stats' | 'level' | 'filters' | 'first-sound' }
>;

/** What the laptop's voice process says that HOST wants to know. */
export function isForFar(message: FromVoice): message is NearVoiceWord {
  return FOR_FAR.has(message.type);
}

const FOR_FAR: ReadonlySet<string> = new Set(['ready', 'using', 'problem', 'stats', 'level', 'filters', 'first-sound']);

const CODECS: ReadonlySet<unknown> = new Set<CodecKind>(['native', 'wasm']);
const BACKENDS: ReadonlySet<unknown> = new Set<BackendKind>(['portaudio', 'pulse', 'file', 'none', 'socket']);
const FIGURES = [
  ...['bufferMs', 'concealedPct', 'played', 'concealed', 'late', 'duplicate', 'refused', 'deviceMs', 'overruns'],
  ...['underruns', 'targetMs', 'latePct', 'stretchedMs', 'captureMs', 'playbackMs'],
] as const;

/** A word of the laptop's voice process, as HOST reads it; undefined for what is none, or not whole. */
export function asNearVoice(value: Fields): NearVoiceWord | undefined {
  switch (value.type) {
    case 'ready':
      return asReady(value);
    case 'using':
      return isName(value.input) && isName(value.output)
        ? { type: 'using', input: short(value.input), output: short(value.output) }
        : undefined;
    case 'problem': {
      const { code, detail } = value;
      return typeof code === 'string' && typeof detail === 'string'
        ? { type: 'problem', code: plain(code), detail: plain(detail) }
        : undefined;
    }
    case 'stats':
      return asStats(value);
    case 'level': {
      const { inputDb, outputDb, speaking } = value;
      return isFigure(inputDb) && isFigure(outputDb) && typeof speaking === 'boolean'
        ? { type: 'level', inputDb, outputDb, speaking }
        : undefined;
    }
    case 'filters':
      return asFilters(value);
    case 'first-sound':
      return isFigure(value.atMs) ? { type: 'first-sound', atMs: value.atMs } : undefined;
    default:
      return undefined;
  }
}

function asReady(value: Fields): NearVoiceWord | undefined {
  const { codec, capture, playback, bodyBytes, frameMs, bitrate } = value;
  if (!CODECS.has(codec) || !BACKENDS.has(capture) || !BACKENDS.has(playback)) return undefined;
  if (!isFigure(bodyBytes) || !isFigure(frameMs) || !isFigure(bitrate)) return undefined;
  return {
    type: 'ready',
    codec: codec as CodecKind,
    capture: capture as BackendKind,
    playback: playback as BackendKind,
    ...{ bodyBytes, frameMs, bitrate },
  };
}

function asStats(value: Fields): NearVoiceWord | undefined {
  if (!FIGURES.every((figure) => isFigure(value[figure]) && (value[figure] as number) >= -1e9)) return undefined;
  const figures = Object.fromEntries(FIGURES.map((figure) => [figure, value[figure]]));
  return { type: 'stats', ...figures } as NearVoiceWord;
}

function asFilters(value: Fields): NearVoiceWord | undefined {
  const { filter, echo, noise, gain, noiseBy, echoDelayMs } = value;
  if (filter !== 'speex' && filter !== 'own' && filter !== 'none') return undefined;
  if (typeof echo !== 'boolean' || typeof noise !== 'boolean' || typeof gain !== 'boolean') return undefined;
  const delay = isFigure(echoDelayMs) ? echoDelayMs : null;
  const by = noiseBy === 'rnnoise' ? { noiseBy: 'rnnoise' as const } : {};
  return { type: 'filters', filter, echo, noise, gain, ...by, echoDelayMs: delay };
}

function isFigure(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isName(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function short(name: string | null): string | null {
  return name === null ? null : plain(name);
}

/** Text from another machine: short, on one line, without control characters. */
function plain(text: string): string {
  return text.slice(0, ENDPOINT_TEXT_LENGTH_MAX).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
