/**
 * Numbers that we chose, each with its reason; every bound on memory, time or rate is here. What the analyses of
 * the classic network state is in `paper.ts`. (Sound has its own numbers in `src/audio/params.ts`.)
 */

// --- wire
/** IPv6 minimum MTU 1280 less IPv6 and UDP headers: never fragmented. */
export const DATAGRAM_BYTES_MAX = 1232;
/** Length field of the envelope: what follows the common header, one packet. */
export const PACKET_BODY_BYTES_MAX = 65_535;
/** Packets glued in one datagram; more is a waste attack. */
export const PACKETS_PER_DATAGRAM_MAX = 8;

// --- transport
/** Rekey this often (WireGuard's figure), or after so many packets, whichever is first. */
export const REKEY_AFTER_MS = 120_000;
export const REKEY_AFTER_PACKETS = 2 ** 20;
/** Old keys still open packets for so long after a rekey: covers reordering. */
export const EPOCH_OVERLAP_MS = 10_000;
/** 1024 packets: 20 s of voice at 50 a second. */
export const REPLAY_WINDOW_PACKETS = 1024;
/** Resend an unanswered handshake packet after this long, doubling. */
export const HANDSHAKE_RETRY_MS = 400;
export const HANDSHAKE_TIMEOUT_MS = 6_000;
/** A cookie secret lives this long; a cookie is good for one to two lives. */
export const COOKIE_SECRET_MS = 120_000;
/** Unfinished incoming handshakes above which a cookie is demanded (realtime.md 2.2: 20). */
export const HANDSHAKES_BEFORE_COOKIE = 20;
export const HANDSHAKES_PENDING_MAX = 256;
export const SESSIONS_MAX = 4096;
/** A session that nothing was heard of for this long is dropped. */
export const SESSION_IDLE_MS = 180_000;
/** Reliable channel: payload of one segment, so that the sealed packet, forwarded once, fits a datagram. */
export const SEGMENT_BYTES = 1024;
export const SEGMENTS_IN_FLIGHT_MAX = 64;
export const RELIABLE_MESSAGE_BYTES_MAX = 262_144;
export const RELIABLE_QUEUE_BYTES_MAX = 1_048_576;
/** RFC 6298 with a lower floor: links here are one hop. */
export const RTO_MS_MIN = 150;
export const RTO_MS_START = 400;
export const RTO_MS_MAX = 4_000;
/** A segment unacknowledged after this many sends means that the session is dead. */
export const SEGMENT_SENDS_MAX = 8;

// --- requests
export const REQUEST_TIMEOUT_MS = 8_000;
export const REQUESTS_PENDING_MAX = 256;

// --- overlay
/** Linux forgets an unreplied UDP mapping after 30 s: stay below. */
export const KEEP_ALIVE_MS = 15_000;
/** Two unanswered keep-alives this far apart: the supernode is gone (realtime.md 1.2). */
export const KEEP_ALIVE_RETRY_MS = 500;
export const KEEP_ALIVE_MISSES_MAX = 3;
/** A supernode forgets a client that it did not hear for this long. */
export const LEASE_MS = 40_000;
/** Stagger of the attach race: UDP, then TCP at the same supernode, then the next supernode. */
export const ATTACH_STAGGER_MS = 300;
export const ATTACH_TIMEOUT_MS = 5_000;
export const REATTACH_BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000] as const;
export const CLIENTS_PER_SUPERNODE_MAX = 500;
export const WATCHED_NAMES_MAX = 1000;
export const HIDDEN_FROM_MAX = 1000;
export const SEARCH_HITS_MAX = 50;
/** Sealed packets forwarded for one client, bytes a second and burst: signalling plus one relayed call. */
export const FORWARD_BYTES_PER_SECOND = 16_000;
export const FORWARD_BURST_BYTES = 64_000;
/** Relay budget of a whole supernode unless `--relay-kbps` says otherwise: 1 Mbit/s (realtime.md 7). */
export const RELAY_KBPS_DEFAULT = 1000;

// --- people
/** How long a name that could not be found is not asked for again. */
export const LOOKUP_RETRY_MS = 20_000;
export const PEER_QUEUE_MESSAGES_MAX = 64;
export const PEERS_MAX = 1000;

// --- calls
/** Nobody picks up: the caller gives up. */
export const RING_TIMEOUT_MS = 45_000;
/** No sign of life from the other end at all, media or signalling. */
export const CALL_SILENCE_MS_MAX = 60_000;
/** No `ringing` within this long: unreachable. */
export const INVITE_TIMEOUT_MS = 10_000;

// --- login
export const CERTIFICATE_LIFETIME_MS = 72 * 3_600_000;
export const CERTIFICATE_BACKDATE_MS = 3_600_000;
/** Renew when less than this share of the lifetime is left. */
export const CERTIFICATE_RENEW_SHARE = 0.5;
export const SUPERNODE_CERTIFICATE_LIFETIME_MS = 30 * 86_400_000;
export const PASSWORD_LENGTH_MIN = 8;
export const PASSWORD_LENGTH_MAX = 256;
export const DISPLAY_NAME_LENGTH_MAX = 64;
export const BUDDY_LIST_BYTES_MAX = 200_000;
/** scrypt: 32 MiB and about 140 ms on one core (terminal.md 5). */
export const SCRYPT_N = 2 ** 15;
export const SCRYPT_R = 8;
export const SCRYPT_P = 1;
/** Password tries for one name: a burst of ten, then one every 30 s. */
export const SIGN_IN_BURST = 10;
export const SIGN_IN_REFILL_MS = 30_000;
/** Sign-ups from one host: a burst of 20, then one every 10 s. */
export const SIGN_UP_BURST = 20;
export const SIGN_UP_REFILL_MS = 10_000;
/** Hashes computed or waiting at once; beyond: `busy`. */
export const HASHES_PENDING_MAX = 64;

// --- chat
export const CHAT_TEXT_BYTES_MAX = 16_384;
export const REQUEST_MESSAGE_BYTES_MAX = 1024;
export const OUTBOX_MESSAGES_MAX = 10_000;
