/**
 * Numbers that the analyses of the classic network state, each with its source. What we chose ourselves is in
 * `params.ts`. "Slides" is Keller's deck on Baset & Schulzrinne (INFOCOM 2006); "BS04" is their 2004 report.
 */

/** Voice band in Hz (slides, "Media Transfer and Codecs"). */
export const VOICE_BAND_HZ = [50, 8000] as const;
/** Payload of a voice packet in bytes (slides, "Media Transfer and Codecs"). */
export const VOICE_PAYLOAD_BYTES = [40, 120] as const;
/** Bandwidth at which a call is still possible, bytes a second (slides, "Congestion"). */
export const VOICE_FLOOR_BYTES_PER_SECOND = 2000;
/** Most entries of the host cache (BS04 section 3.2). */
export const HOST_CACHE_ENTRIES_MAX = 200;
/** A user is found if signed in during this time (slides, "User Search"). */
export const INDEX_LIFETIME_HOURS = 72;
/** Refresh to the supernode over TCP every 60 s (BS04 figure 13); ours is shorter for UDP, see params. */
export const KEEP_ALIVE_TCP_MS = 60_000;
/** First record of the login dialogue, client to server: 22 3 1 0 0 (slides, "Login Messages"). */
export const LOGIN_OPENING = Uint8Array.of(0x16, 0x03, 0x01, 0x00, 0x00);
/** Its answer, server to client: 23 3 1 0 0 (slides, "Login Messages"). */
export const LOGIN_OPENING_REPLY = Uint8Array.of(0x17, 0x03, 0x01, 0x00, 0x00);
/** Length of the common header of messages 3 and 4 in bytes (slides, "Login Messages"). */
export const COMMON_HEADER_BYTES = 4;
