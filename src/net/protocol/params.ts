/**
 * Numbers that we chose, each with its reason; every bound on memory, time or rate is here, but for those of three rooms
 * that stand apart: what supernodes are to one another and how one becomes one (`overlay-params.ts`), letters and groups
 * (`mail-params.ts`), conferences (`conference-params.ts`). What the analyses of the classic network state is in `paper.ts`.
 * (Sound has its own numbers in `src/audio/params.ts`.) Well above 400 lines, because a bound that has to be looked for in
 * many places is a bound that gets forgotten.
 */

// --- wire
/** IPv6 minimum MTU 1280 less IPv6 and UDP headers: never fragmented. */
export const DATAGRAM_BYTES_MAX = 1232;
/** Length field of the envelope: what follows the common header, one packet. */
export const PACKET_BODY_BYTES_MAX = 65_535;
/** Packets glued in one datagram; more is a waste attack. */
export const PACKETS_PER_DATAGRAM_MAX = 8;

// --- transport
/** Rekey so long after the first word of an epoch (WireGuard's figure), or after so many packets, whichever is first. */
export const REKEY_AFTER_MS = 120_000;
/** The same when nothing but signs of life were said: twenty buddies at rest would else cost a kilobit a second. */
export const REKEY_QUIET_MS = 3_600_000;
export const REKEY_AFTER_PACKETS = 2 ** 20;
/** Old keys still open packets for so long after a rekey: covers reordering. */
export const EPOCH_OVERLAP_MS = 10_000;
/** 1024 packets: 20 s of voice at 50 a second. */
export const REPLAY_WINDOW_PACKETS = 1024;
/** Resend an unanswered handshake packet after this long, doubling up to the limit. */
export const HANDSHAKE_RETRY_MS = 400;
export const HANDSHAKE_RETRY_MS_MAX = 1_000;
export const HANDSHAKE_TIMEOUT_MS = 6_000;
/**
 * A Hello by UDP has so many bytes, without its mask: no answer is larger. Auth1 of a person with a name of 32 characters
 * and a key of 2048 bits has 1053.
 */
export const HELLO_PACKET_BYTES = 1072;
/** A Hello on a stream has fewer spare bytes than this, by chance: not every stream begins with a write of one length. */
export const HELLO_SPARE_BYTES = 64;
/** A cookie secret lives this long; a cookie is good for one to two lives. */
export const COOKIE_SECRET_MS = 120_000;
/** Unfinished incoming handshakes above which a cookie is demanded (realtime.md 2.2: 20). */
export const HANDSHAKES_BEFORE_COOKIE = 20;
export const HANDSHAKES_PENDING_MAX = 256;
/** RSA signatures given to strangers: a token bucket, a second and burst (0.3 ms each, so 6 % of a core at most). */
export const HANDSHAKES_PER_SECOND_MAX = 200;
/** The same from one proven source: an office behind one address after a supernode's restart, but a quarter at most. */
export const HANDSHAKE_SOURCE_BURST = 100;
export const HANDSHAKE_SOURCE_REFILL_MS = 20;
/** Different cookies taken in one handshake: an honest secret changes once in it, and each costs us a whole Hello. */
export const COOKIES_PER_HANDSHAKE_MAX = 3;
/** Tickets for short handshakes live no longer than a person's certificate does. */
export const TICKET_LIFETIME_MS = 72 * 3_600_000;
/** Tickets kept in all (half a kilobyte each), and of one node: both ends may begin at once, and from several places. */
export const TICKETS_MAX = 4096;
export const TICKETS_PER_NODE_MAX = 4;
/** Tickets in the profile, the newest: a third of a kilobyte each. */
export const TICKETS_STORED_MAX = 2000;
export const SESSIONS_MAX = 4096;
/** Sessions with ends that proved nothing: a sign-up takes a second, and at 200 a second each lives for five. */
export const SESSIONS_ANONYMOUS_MAX = 1024;
/** Sessions kept to one node: the newest is used, older ones still open what was under way. */
export const SESSIONS_PER_NODE_MAX = 3;
/** A session unheard for this long is used on trial only: the other end may have dropped it. */
export const SESSION_FRESH_MS = 120_000;
/** What was said in such a session, and not acknowledged for so long, is said again in a new one: three round trips. */
export const SESSION_TRIAL_MS = 1_000;
/** An address that a session is to follow is challenged this often, and gets this many times what came from it. */
export const CHALLENGE_EVERY_MS = 200;
export const UNPROVEN_BYTES_FACTOR = 3;
/** A session that nothing was heard of for this long is dropped. */
export const SESSION_IDLE_MS = 180_000;
/** The same end to end, where silence costs nothing; our supernode tells when the other end has begun anew. */
export const SESSION_IDLE_END_TO_END_MS = 86_400_000;
/** Reliable channel: payload of one segment, so that the sealed packet, forwarded once, fits a datagram. */
export const SEGMENT_BYTES = 1024;
export const SEGMENTS_IN_FLIGHT_MAX = 64;
/** Segments that one message may be cut into: four times what the longest needs. Empty ones would cost for ever. */
export const SEGMENTS_PER_MESSAGE_MAX = 1024;
export const RELIABLE_MESSAGE_BYTES_MAX = 262_144;
export const RELIABLE_QUEUE_BYTES_MAX = 1_048_576;
/** RFC 6298 with a lower floor: links here are one hop. */
export const RTO_MS_MIN = 150;
export const RTO_MS_START = 400;
export const RTO_MS_MAX = 4_000;
/** So many later segments acknowledged mean that this one is lost (RFC 5681's three duplicate acks). */
export const SKIPS_BEFORE_RESEND = 3;
/** Something waits for an acknowledgement and none came for this long: the session is dead. */
export const RELIABLE_SILENCE_MS_MAX = 12_000;

// --- requests
/** Stagger of the race to a login server, as above. */
export const LOGIN_STAGGER_MS = 250;
/** One attempt of that race is given up after this long; as a handshake is. */
export const LOGIN_CONNECT_TIMEOUT_MS = 6_000;
/** Ways tried in one such race: to login servers, to them without a face, to supernodes that carry the dialogue. */
export const LOGIN_WAYS_MAX = 24;
export const LOGIN_PLAIN_WAYS_MAX = 4;
export const LOGIN_CARRIED_WAYS_MAX = 15;
export const REQUEST_TIMEOUT_MS = 8_000;
export const REQUESTS_PENDING_MAX = 256;

// --- what kind of NAT (nat/discovery.ts, nat/answerer.ts)
/** A question without a session is no shorter than the longest answer to it; one that asks for two probes as all three, each with 16 more for its mask. */
export const WHO_AM_I_BYTES = 72;
export const WHO_AM_I_PROBES_BYTES = 176;
export const NAT_TRANSACTION_BYTES = 16;
/** Addresses that a question names as written to; beyond, the oldest is left out. */
export const NAT_AVOID_MAX = 8;
/** Further UDP ports of a supernode: one that is asked as well, one that only sends. */
export const NAT_SIDE_PORTS = 2;
/** An unanswered question is repeated after these pauses, then given up after the last. */
export const NAT_RETRY_MS = [150, 350, 700, 1_000] as const;
/** Supernodes asked at a time; two ports each make four samples (realtime.md 1.3), and idle clients know 3 peers (N1). */
export const NAT_SERVERS_ASKED = 2;
/** Dead ones are replaced by the next, so many times. */
export const NAT_SERVERS_TRIED_MAX = 6;
/** Ports besides the one our supernode sees that calls name where a NAT keeps ours and could not. */
export const NAT_SPARES_MAX = 2;
/** A probe that is not here this share of a round trip after it was announced is taken for filtered: P1 allows one. */
export const NAT_PROBE_WAIT_RTT = 0.75;
export const NAT_PROBE_WAIT_MS_MIN = 60;
export const NAT_PROBE_WAIT_MS_MAX = 600;
/** What was missing may have been lost: it is asked for again after this, so many times. */
export const NAT_PROBE_AGAIN_MS = 1_000;
export const NAT_PROBE_TRIES_MAX = 2;
/** Discovery again after this, 20 % either way; after a change or a failed punch sooner, but not more often than this. */
export const NAT_REFRESH_MS = 20 * 60_000;
export const NAT_REFRESH_MS_MIN = 30_000;
/** Ports one after the other, when they differ by no more than this (realtime.md 1.3). */
export const NAT_PORT_STEP_MAX = 8;
/** Questions answered of one host, which may be a carrier's NAT with many behind it; probes wanted by it. */
export const NAT_QUESTIONS_BURST = 64;
export const NAT_QUESTIONS_REFILL_MS = 100;
export const NAT_PROBES_BURST = 16;
export const NAT_PROBES_REFILL_MS = 2_000;
/** Probes that one supernode asks of another: what 500 clients want within seconds after a restart. */
export const NAT_PARTNER_BURST = 200;
export const NAT_PARTNER_REFILL_MS = 100;
/** Supernodes elsewhere that a supernode keeps a session with for this, and how often it says that it is there. */
export const NAT_PARTNERS_MAX = 3;
export const NAT_PARTNER_KEEP_ALIVE_MS = 60_000;
/** Sessions that other supernodes opened with it for the same, remembered. */
export const NAT_PARTNERS_ACCEPTED_MAX = 8;
export const NAT_PARTNER_RETRY_MS = 30_000;
/** The login server is asked for supernodes after these pauses while none is known elsewhere; then others' asking does. */
export const NAT_PARTNERS_ASK_MS = [0, 1_000, 5_000, 30_000, 120_000] as const;

// --- overlay
/**
 * Linux forgets an unreplied UDP mapping after 30 s: stay below, with room for a repeat. Each costs 128 bytes with the reply
 * and all headers. So often where we have one supernode only: its silent death is found after 23.5 s at most.
 */
export const KEEP_ALIVE_MS = 22_000;
/**
 * Where we have two: each so often, and by turns, so that every 12.5 s one of them must answer. That is what figure N1 has room
 * for (100 bit/s), with all that is asked now and then. The death of both is so found in half the time that the death of
 * one would take; of that the other one tells us sooner.
 */
export const KEEP_ALIVE_OF_TWO_MS = 25_000;
/** Until both alternate a round may be longer once, below the 30 s after which a NAT may forget. */
export const KEEP_ALIVE_OF_TWO_MS_MAX = 29_000;
/** Two unanswered keep-alives this far apart: the supernode is gone (realtime.md 1.2). */
export const KEEP_ALIVE_RETRY_MS = 500;
export const KEEP_ALIVE_MISSES_MAX = 3;
/** The same where something is amiss: news that it may be dead, a call that falls silent, another network of ours. */
export const KEEP_ALIVE_HURRIED_RETRY_MS = 250;
/**
 * While people talk, where a dead supernode would cost its relay or what they do next: another one serves within 1.5 s
 * (figure N2). 126 bytes a second, beside the voice; not on hold.
 */
export const KEEP_ALIVE_IN_CALL_MS = 500;
export const KEEP_ALIVE_IN_CALL_RETRY_MS = 300;
/** In a call, on hold (figure V9: 0.25 packets a second) and at the second supernode, which must be there to take over. */
export const KEEP_ALIVE_IN_CALL_CALM_MS = 5_000;
/** Hints that the first supernode may be dead make us look no more often than this. */
export const LINK_CHECK_MS = 3_000;
/** Such a hint comes to many at once: not all look at once. */
export const LINK_CHECK_SPREAD_MS = 300;
/** A client that has attached looks for its second supernode after this, 50 % either way: it is no part of signing in. */
export const STANDBY_AFTER_MS = 5_000;
/** No supernode is known but the one we have: how soon, and then how often the login server is asked for others. */
export const STANDBY_ASK_MS = 3_600_000;
/** Whose second supernode stands before its first in the list exchanges them after this, 50 % either way. */
export const GATHER_AFTER_MS = 120_000;
/** Whoever is not at the first supernode of the list looks this often whether it is back, 50 % either way. */
export const GATHER_LOOK_MS = 600_000;
/** A supernode that stops sends its clients away one after the other, this far apart, but all within the spread. */
export const LEAVE_GAP_MS = 5;
export const LEAVE_SPREAD_MS_MAX = 2_000;
/** A client stays at a supernode that stops for this long after it has left it: for what is under way. */
export const LEAVE_LINGER_MS = 1_000;
/** So long a supernode that stops waits for its last client. */
export const LEAVE_DEADLINE_MS = 5_000;
/** Supernodes named in one call. */
export const RELAYS_MAX = 4;
/** A supernode forgets a client that it did not hear for this long. */
export const LEASE_MS = 40_000;
/** Servers listen at these as well, when they may: what firewalls let out that let little else. Likeliest first. */
export const ALSO_TCP_PORTS = [443, 80] as const;
/** A server that finds one borrowed by a person's node of this machine: how long it waits to get it, how often it tries. */
export const ALSO_TCP_CLAIM_MS = 500;
export const ALSO_TCP_CLAIM_TRIES = 10;
export const ALSO_TCP_CLAIM_GAP_MS = 25;
/** Stagger of the attach race: UDP, TCP, TCP 443, TCP 80 at one supernode, then the next supernode (RFC 8305). */
export const ATTACH_STAGGER_MS = 250;
/**
 * At a first sign-in, where nothing is known of the network, TCP begins so long after UDP: its connecting takes a round trip, so
 * that its Hello would still go out behind the answer by UDP, and does not when there is one.
 */
export const ATTACH_STAGGER_AT_FIRST_MS = 150;
export const ATTACH_TIMEOUT_MS = 5_000;
/** A whole round of the race: after it people are told that nobody answers, within the 8 s of figure S7. */
export const ATTACH_ROUND_MS_MAX = 7_500;
/** Servers that are tried by one way after the other; further ones are swept. Two is all that small networks have. */
export const LADDER_SERVERS = 2;
/** The sweep begins when the first server had its four ways: so long people meet at it, if it is there. */
export const SWEEP_AFTER_MS = 1_000;
/** Gaps between the steps of a sweep: the first ones leave time for an answer, then 200 a second (2 Mbit/s of Hellos). */
export const SWEEP_GAP_START_MS = 60;
export const SWEEP_GAP_SHRINK = 0.7;
export const SWEEP_GAP_MS = 5;
/** A swept server that has not answered by then is let go: three times the slowest round trip that allows a call. */
export const SWEEP_PATIENCE_MS = 2_000;
/** Sessions of a sweep at once, so that neither open files nor a home router's table run short. */
export const SWEEP_IN_FLIGHT_MAX = 128;
/** Steps of sweeps: three ways to each of 200 servers at once, then one in four seconds, however often rounds begin. */
export const SWEEP_BURST = 600;
export const SWEEP_STEPS_PER_SECOND = 0.25;
/** Whoever had this long before another answered has missed: four round trips of 200 ms, and a repeat. */
export const MISSED_AFTER_MS = 900;
/** After a miss a supernode is tried after the others on that network, for twice as long each time. */
export const MISSED_MS = 600_000;
export const MISSED_MS_MAX = 3_600_000;
/** Up to so many known supernodes all clients take the same first; in larger networks each its own. */
export const COMMON_ORDER_MAX = 16;
/** A success counts half as much after this long (HARV: 18 % of addresses are dead after a day, 58 % after three weeks). */
export const HOST_HALF_LIFE_MS = 7 * 86_400_000;
/** Networks remembered, and of those one entry of the host cache was tried on. */
export const NETWORKS_REMEMBERED_MAX = 32;
export const HOST_VISITS_MAX = 12;
/** What was learned is stored soon after an attachment, else this often at most. */
export const REMEMBER_SOON_MS = 2_000;
export const REMEMBER_MS = 900_000;
/** `wren check` takes whoever has not answered by then for unreachable: two repeats of a lost packet fit. */
export const KNOCK_TIMEOUT_MS = 4_000;
/** Whoever tells of an installation waits no longer for the answer. */
export const INSTALL_NOTICE_MS = 3_000;
/** A request line, Host and what a proxy adds. */
export const INSTALL_NOTICE_HEAD_BYTES_MAX = 2_048;
/** Addresses that one `wren check` knocks at, of login servers and of supernodes each. */
export const KNOCKS_MAX = 8;
/** Of these so many supernodes are knocked at by TCP too, at their own port and at 443: enough to tell a blocked carrier. */
export const KNOCKS_BY_TCP_MAX = 4;
export const REATTACH_BACKOFF_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000] as const;
export const CLIENTS_PER_SUPERNODE_MAX = 500;
export const WATCHED_NAMES_MAX = 1000;
export const HIDDEN_FROM_MAX = 1000;
/** Hits of one page. */
export const SEARCH_HITS_MAX = 50;
/** Hits of one search, over several pages: half of the searches that a client has at once. */
export const SEARCH_TOTAL_MAX = 500;
/** Searches of one client, each of which walks all 500: somebody who types, not a program that copies the list. */
export const SEARCH_BURST = 20;
export const SEARCH_REFILL_MS = 500;
/** A supernode that refused us (it is full) is tried after all others for this long, or longer if it says so. */
export const SUPERNODE_REFUSED_MS = 30_000;
/** An attachment that ended sooner than this is no reason to come back at once: both would do nothing else. */
export const ATTACHMENT_BRIEF_MS = 5_000;
/** Sealed packets forwarded for one person, bytes a second and burst: signalling plus one relayed call. */
export const FORWARD_BYTES_PER_SECOND = 16_000;
export const FORWARD_BURST_BYTES = 64_000;
/** A shorter packet counts as this much: each costs the supernode and its target a sealed datagram all the same. */
export const FORWARD_BYTES_LEAST = 100;
/** From one node to another, packets in a second: more is a stream (voice has 50), less may be any signalling. */
export const STREAM_PACKETS_PER_SECOND = 24;
/** Streams of one person at once: the host of a conference of eight has seven. And of all behind one address. */
export const STREAMS_PER_PERSON_MAX = 8;
export const STREAMS_PER_ADDRESS_MAX = 64;
/** A stream that sent less for so long is none any more. */
export const STREAM_ENDS_MS = 2_000;
/** Ways from node to node that are counted; the one used longest ago is forgotten. 200 bytes each. */
export const RELAY_FLOWS_MAX = 8_192;
/** A client is told of dropped packets no more often than this. */
export const QUOTA_TELL_MS = 1_000;
/** Who is limited says so until nothing was heard of it for this long. */
export const QUOTA_SHOWN_MS = 10_000;
/** People named in a report of what a supernode relays. */
export const LOAD_PEOPLE_MAX = 10;
/** A longer packet is forwarded reliably: inside a sealed Forward it would no longer fit a datagram. */
export const FORWARD_DATAGRAM_BYTES_MAX = 1100;
/** A race that lasts this long asks the login server for supernodes: those that we know may be the wrong ones. */
export const SUPERNODES_ASK_AFTER_MS = 1_500;
/** How often the login server is asked for supernodes while none answers: twice as rarely each time, up to the maximum. */
export const SUPERNODES_ASK_MS = 15_000;
export const SUPERNODES_ASK_MS_MAX = 60_000;
/** A supernode that dies has 500 clients: they ask within this, not all at once. */
export const SUPERNODES_ASK_SPREAD_MS = 1_000;
/** Login servers that our supernode may add to those of the invite. */
export const LOGIN_SERVERS_NAMED_MAX = 16;
/** Login dialogues that a supernode carries at a time, in all and for one session: one is under way, one lingers. */
export const LOGIN_CARRIES_MAX = 64;
export const LOGIN_CARRIES_PER_SESSION_MAX = 2;
/** New ones from one host: a household at once, then twenty a minute. The login server allows as many by itself. */
export const LOGIN_CARRY_BURST = 10;
export const LOGIN_CARRY_REFILL_MS = 3_000;
/** Bytes of one, each way: handshake, sign-in, and the longest buddy list there and back. */
export const LOGIN_CARRY_BYTES_MAX = 524_288;
/** Bytes kept of one until the login server is reached: a handshake's first packet is a tenth of it. */
export const LOGIN_CARRY_WAITING_BYTES_MAX = 4_096;
/** Nothing said either way for so long: over. Longer than a question may take. */
export const LOGIN_CARRY_IDLE_MS = 20_000;
/** The login server gives a supernode's clients so many dialogues at a time, and new ones at this rate. */
export const LOGIN_CARRIED_BURST = 100;
export const LOGIN_CARRIED_REFILL_MS = 200;
/** Relay budget of a whole supernode unless `--relay-kbps` says otherwise: 1 Mbit/s (realtime.md 7). */
export const RELAY_KBPS_DEFAULT = 1000;

// --- supernodes made known
/** A supernode signs its entry anew this often, and enrols with it: whoever has moved is found again within a day. */
export const SUPERNODE_ENTRY_REFRESH_MS = 86_400_000;
/** An entry counts for so long, so that a week without login server changes nothing. */
export const SUPERNODE_ENTRY_LIFETIME_MS = 7 * 86_400_000;
/** Eight endpoints of 64 characters, node id and time; a signature of the longest key. */
export const SUPERNODE_RECORD_BYTES_MAX = 600;
export const SUPERNODE_SIGNATURE_BYTES_MAX = 512;
/** Entries of 1.2 kB that a supernode hands out in one answer; a client sees these few a day, not the whole list. */
export const ENTRIES_PER_ANSWER_MAX = 4;
/** A supernode learns the newest of the others from the login server soon after it has come, then this often. */
export const ENTRIES_LEARN_FIRST_MS = 60_000;
export const ENTRIES_LEARN_MS = 3_600_000;
/** A client asks its supernode well after it has signed in (figure S8 counts bytes), then rarely (figure N1). */
export const ENTRIES_ASK_FIRST_MS = 600_000;
export const ENTRIES_ASK_MS = 7_200_000;
/** Answers that one client gets: a few at once, then one in five minutes. */
export const ENTRIES_GET_BURST = 3;
export const ENTRIES_GET_REFILL_MS = 300_000;

// --- people
/** Whoever attached anew opens the sessions; the others begin so much later themselves, if it did not. */
export const ATTACHED_FIRST_WORD_MS = 2_000;
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
/** A person waits for this: whether another of our devices would take the call (PROTOCOL.md 9.15). */
export const HAND_OVER_ANSWER_MS = 5_000;
/** After our word to take it: longer than that device waits for the other end. */
export const HAND_OVER_MS = INVITE_TIMEOUT_MS + 2_000;
/** The callee's own clock for the same is longer, so that the caller's word decides while both are there. */
export const RING_MARGIN_MS = 5_000;
/** Calls of one node at a time: one that talks, the others on hold by us. */
export const CALLS_MAX = 4;
/** Calls that a service (echo) answers at once, each with an ear of its own: 6 kB/s and 0.4 % of a core each way. */
export const SERVICE_CALLS_MAX = 64;
/** Of them from one person, so that nobody takes all the lines. */
export const SERVICE_CALLS_PER_PERSON_MAX = 2;
/** One device refused: the person's other devices may still ring (classic figure: all within 200 ms). */
export const DEVICES_GRACE_MS = 500;
/** A device that left while it rang may only be changing its supernode (re-attach: 1.5 s, realtime.md 1.2). */
export const PEER_GONE_PATIENCE_MS = 3_000;
/** Ended calls are remembered to answer latecomers: longer than any ring. */
export const ENDED_CALL_MEMORY_MS = 60_000;
export const ENDED_CALLS_MAX = 64;
/** A peer that invites us from within a call that was silent this long has been started anew. */
export const CALL_RESTART_SILENCE_MS = 5_000;
/** While media of an ended call still arrives, its end is told again this often. */
export const END_REPEAT_MS = 1_000;
/** Endpoints offered for one call, ours and theirs; each as text, the longest being `udp:[IPv6]:65535`. */
export const CANDIDATES_MAX = 16;
export const CANDIDATE_LENGTH_MAX = 64;

// --- media
/** One voice packet this often, speech or silence (realtime.md 3.2). */
export const VOICE_PACE_MS = 20;
/** A voice body this late is replaced: p99 of a busy machine's child is 7 ms, its worst 23 (realtime.md 3.7). */
export const VOICE_LATE_MS_MAX = 30;
/**
 * After so many bodies in a row nobody is woken when one is that late, but so much later, for all that are missing then: a timer
 * for each body costs nearly as much as the body.
 */
export const VOICE_STEADY_BODIES = 100;
export const VOICE_MISSED_MS = 20;
/** What is due about when a body leaves goes with it: one turn of the loop less here, and there. */
export const VOICE_COMPANY_MS = VOICE_PACE_MS / 2;
/** A voice body this early is still in its place; earlier is a backlog after a stall, and surplus. */
export const VOICE_EARLY_MS_MAX = 10;
/** After so many replaced bodies the child was away, not late, and its next body sets the phase anew. */
export const VOICE_ABSENT_SLOTS = 3;
/** Share of its deviation by which each body moves the pace: follows a sound card's clock, not its jitter. */
export const VOICE_PACE_GAIN = 1 / 16;
/** Unit of the media time in a voice body (realtime.md 3.2). */
export const MEDIA_TIME_UNIT_MS = 10;
/** On hold: keeps NAT bindings (30 s) at 0.2 packets a second. */
export const HOLD_PACKET_MS = 5_000;
/** One MediaReport this often (realtime.md 3.3). */
export const MEDIA_REPORT_MS = 200;
/** Reports remembered for the round trip (6.4 s of them). */
export const MEDIA_REPORTS_KEPT = 32;
export const QUALITY_MS = 1_000;
/** Pace and loss are taken over this long: 100 packets, so that one packet is 1 %. */
export const QUALITY_WINDOW_MS = 2_000;
/** Nothing arrives for this long: say so. */
export const SOUND_MISSING_MS = 1_000;
/** Share of concealed or lost frames from which a person hears gaps, percent. */
export const GAPS_PCT = 2;
/** Where gaps come from (`trouble-place.ts`): loss and bursts that can make them, and a queue that people feel. */
export const LOSS_TOLD_PCT = 1;
export const QUEUE_TOLD_MS = 200;
export const TROUBLE_JITTER_MS = 30;
/** What a relay or our sound card did counts for so long. */
export const TROUBLE_MEMORY_MS = 3_000;
/** RFC 3550 A.1: a jump further than this is a restarted sender, not loss. */
export const SEQUENCE_DROPOUT_MAX = 3_000;
/** Sequences remembered to refuse doubles: 2.5 s of voice. */
export const SEQUENCES_KEPT = 128;

// --- rate of a call (realtime.md 3.3)
/** On the lowest rung a report a second: five of them would be a fifth of what that link carries. */
export const MEDIA_REPORT_FLOOR_MS = 1_000;
/** On the next one, which tries whether more fits, that is to be known sooner. */
export const MEDIA_REPORT_NEAR_FLOOR_MS = 500;
/** A listener that sees a queue grow says so at once, but not right behind another report, nor all the time. */
export const MEDIA_REPORT_URGENT_MS = 60;
export const MEDIA_REPORT_URGENT_AGAIN_MS = 700;
/** Packets in the line through the newest delays, and how far back it reaches (libwebrtc: 20 packets). */
export const DELAY_TREND_PACKETS = 24;
export const DELAY_TREND_MS = 400;
/** A rise counts as far as it is above so many standard errors of its own. */
export const DELAY_TREND_ERRORS = 2;
/** Packets sent in this time, three at least, that are all late are a queue; after a spike of Wi-Fi each is less so. */
export const DELAY_STANDING_MS = 60;
export const DELAY_STANDING_PACKETS = 3;
/** The least delay of 10 s, in slices of 1 s, is that of empty queues: longer than we take to empty one. */
export const DELAY_BASE_SLICE_MS = 1_000;
export const DELAY_BASE_SLICES = 10;
/** Media time that steps further is another time: after hold, or a stall. */
export const MEDIA_TIME_JUMP_MS_MAX = 2_000;
/** What a report may say of delay and its growth; beyond is cut. */
export const DELAY_TOLD_MS_MAX = 10_000;
export const DELAY_GROWTH_TOLD_MAX = 20_000;
/** A queue of this, growing this fast beyond doubt (ms a second), is of our own making. */
export const QUEUE_GROWS_MS = 40;
export const QUEUE_GROWTH = 40;
/** Growth that calls for one more step while a queue is being emptied. */
export const QUEUE_GROWTH_AGAIN = 120;
/** Over so many reports, 2 s of them, less growth than that is beyond doubt. */
export const QUEUE_REPORTS = 10;
export const QUEUE_GROWTH_SLOW = 20;
/** A report this much overdue while the way in fills up: theirs waits in that queue, and ours is not known. */
export const REPORT_HELD_UP_MS = 240;
/** The same of one that came so late, by its round trip. */
export const REPORT_HELD_UP_RTT_MS = 60;
/** So much queue in so many reports is too much even if it does not grow. */
export const QUEUE_STANDS_MS = 150;
export const QUEUE_STANDS_REPORTS = 3;
/** Below it a queue counts as empty. */
export const QUEUE_EMPTY_MS = 40;
/** What stands in the queue usually (a share of each report's) is jitter: the bounds above are so much higher. */
export const QUEUE_USUAL_GAIN = 0.04;
export const QUEUE_USUAL_FACTOR = 1.5;
export const QUEUE_USUAL_MS_MAX = 200;
/** What grows by more, ms a second, is not usual. */
export const QUEUE_USUAL_GROWTH_MAX = 15;
/** A queue that we cannot empty in this time is not ours: the way has become longer. */
export const QUEUE_DRAIN_MS_MAX = 5_000;
/** Share of what comes through that is sent: while a long or a short queue empties, and then. */
export const RATE_SHARE_DRAINING = 0.7;
export const RATE_SHARE_DRAINING_SHORT = 0.85;
export const RATE_SHARE = 0.95;
/** On the lowest rung with a queue above this every other packet stays out, until this much is left. */
export const THIN_QUEUE_MS = 120;
export const THIN_LEFT_MS = 60;
export const THIN_MS_MAX = 3_000;
/** While a queue stands, what comes through in this time is what the link passes. */
export const CAPACITY_SPAN_MS = 400;
/** Nothing is believed to be narrower, bytes a second. */
export const CAPACITY_MIN = 200;
/** One rung up after this long, and this many reports, without trouble; to the top rung later. */
export const RATE_UP_MS = 2_000;
export const RATE_UP_TO_TOP_MS = 4_000;
/** The step from E to E2 is so small that the next one may follow sooner. */
export const RATE_UP_AGAIN_MS = 1_000;
export const RATE_UP_REPORTS = 3;
/** Where a report comes once a second, one must do. */
export const RATE_UP_REPORTS_FLOOR = 1;
/** Before it is 48 kbit/s the top rung is so long redundancy: should it be too much, less is lost. */
export const RATE_PROBE_MS = 1_000;
/** A rung that did not hold is left alone for so long, doubling: the link may be back within 10 s (figure V7). */
export const RATE_BLOCK_MS = [0, 2_000, 2_000, 2_500, 3_000, 3_000, 8_000] as const;
/** From E to N it is four steps, so the lowest must be tried most often. */
export const RATE_BLOCK_MS_MAX = [0, 2_500, 2_500, 5_000, 7_000, 7_000, 60_000] as const;
/** After a queue of our making copies wait for so long. */
export const COPIES_BLOCK_MS = 8_000;
/** A rung that holds for so long has proved itself. */
export const RATE_PROVEN_MS = 6_000;
/** Share of the usual thresholds at which a step up is taken back. */
export const STEP_CAUTION = 0.5;
/**
 * Loss after a step up of so much more than before is of the step; after copies, which were called for by loss, only if
 * no more comes through than before.
 */
export const STEP_HARM_LOSS = 0.08;
export const STEP_HARM_GAIN = 1.05;
export const STEP_JUDGED_MS = 1_000;
export const COPIES_JUDGED_MS = 2_000;
export const STEP_JUDGED_MS_MAX = 4_000;
/** So many packets must be lost to tell a share: of so few one alone is a tenth. */
export const LOSS_PACKETS_MIN = 3;
/** So many voice packets that wait in our own end of a stream are congestion (realtime.md 3.3). */
export const STREAM_QUEUE_PACKETS = 2;
/** More than this would take at the floor is never queued: slots stay empty. */
export const STREAM_QUEUE_MS_MAX = 1_000;
/** A microphone is listened to outside of calls for so long after each wish; whoever looks at it asks again sooner. */
export const SOUND_LISTEN_MS = 10_000;
/** What waits is told each 100 ms, and when nothing does any more; no word for so long means that. */
export const STREAM_BACKLOG_TOLD_MS = 100;
export const STREAM_BACKLOG_OLD_MS = 2_000;
/** How a call on this network ended is believed for so long: half an hour. */
export const RUNG_REMEMBERED_MS = 1_800_000;
/** A call that was shorter has learnt nothing. */
export const RUNG_LEARNT_MS = 8_000;
/** Random loss from which copies are sent, over 2 s and over 6 s; and below which they end. */
export const LOSS_WINDOW_MS = 6_000;
export const LOSS_RECENT_MS = 2_000;
export const LOSS_COPY_RECENT = 0.03;
export const LOSS_COPY = 0.012;
export const LOSS_COPY_ENDS = 0.005;
/**
 * The same for two copies, over 2, 6 and 15 s. They cost their frame a third of its bytes, and of 10 % one copy leaves 1 %
 * and sounds better; so each bound is three deviations above what chance makes of 10 % in its time, lest the choice waver.
 */
export const LOSS_LONG_MS = 15_000;
export const LOSS_COPIES_RECENT = 0.22;
export const LOSS_COPIES_WINDOW = 0.16;
export const LOSS_COPIES = 0.13;
export const LOSS_COPIES_END = 0.115;
/** So many packets must be lost for two. */
export const LOSS_COPIES_PACKETS_MIN = 12;
/** Mean run of lost packets that counts as bursts, and the loss from which that is believed (realtime.md 3.3). */
export const LOSS_BURST = 1.8;
export const LOSS_BURST_ENDS = 1.5;
export const LOSS_BURST_SHARE = 0.03;
/** Copies stay at least this long: each change costs something. */
export const COPIES_MS_MIN = 6_000;
/** Without a report for so long it is the lowest but one, then the lowest rung (realtime.md 3.3). */
export const REPORT_MISSING_MS = 1_000;
export const REPORT_GONE_MS = 3_000;
/** Reports may not come for so long at the start: the other end may still be at its answer. */
export const REPORT_GRACE_MS = 3_000;
/** After a relay said that it dropped packets: one rung down, and not up again for so long. */
export const QUOTA_STAYS_MS = 10_000;
/** A frame of 20 ms instead of 40 for as many bytes is worth its overhead while delay is noticed anyway. */
export const SHORT_FRAME_RTT_MS = 250;
/** Packets whose size is remembered: 20 s of them. */
export const SENT_PACKETS_KEPT = 1_024;
/** Reports kept to tell what comes through: 4 s of them. */
export const ARRIVAL_MARKS_MAX = 20;

// --- paths of a call (realtime.md 1.4)
/** Probes of one candidate after the start, ms; then steadily, then rarely. */
export const PROBE_SCHEDULE_MS = [0, 50, 100, 200, 400, 800] as const;
export const PROBE_STEADY_MS = 2_000;
/** Five of them: 10 s. */
export const PROBES_STEADY = 5;
export const PROBE_RARE_MS = 10_000;
/** The path in use is measured this often; a standby is only kept alive. */
export const PROBE_ACTIVE_MS = 1_000;
export const PROBE_STANDBY_MS = 5_000;
/** Probes that one candidate gets before it ever answered; a stranger's address is bothered no more than this. */
export const PROBES_UNANSWERED_MAX = 20;
/** Authenticated packets from an address earn it one more probe each, so that we never send more than we got. */
export const PACKETS_PER_EXTRA_PROBE = 10;
/** Probes of one call, all candidates: 8 at once, then one each 20 ms (realtime.md 1.4). */
export const PROBES_PER_SECOND_MAX = 50;
export const PROBES_BURST = 8;
/** Probes of one call to addresses that never answered. */
export const PROBES_UNANSWERED_TOTAL_MAX = 240;
/**
 * TTLs of the first probes to a public address, one each PUNCH_GAP_MS, when we may be behind a NAT: they open ours and
 * should die before they reach the other end's, where they would spoil the port (realtime.md 1.6). 2 passes the home
 * router, 5 a carrier's NAT behind it.
 */
export const PUNCH_TTLS = [2, 5, 5] as const;
export const PUNCH_GAP_MS = 50;
/** So long after our openers we wait for word that the other end has sent its own; then we probe all the same. */
export const PUNCH_PATIENCE_MS = 1_000;
/** The end that told its addresses last waits until the other knows them, so that both begin together; no longer. */
export const PUNCH_DELAY_MS_MAX = 500;
/** Probes of a punched address that never answered; then it is left alone, so that what a NAT took amiss can die. */
export const PUNCH_PROBES = 8;
/** Temporary ports that the end whose NAT gives every other end another port opens at once (realtime.md 1.5). */
export const WIDE_PORTS = 256;
/** Openers of them, so many each WIDE_STEP_MS: 1.3 Mbit/s for an eighth of a second. */
export const WIDE_OPENERS_AT_ONCE = 16;
export const WIDE_STEP_MS = 10;
/** The same ports again, further, for those behind a carrier's NAT. */
export const WIDE_TTLS = [2, 5] as const;
export const WIDE_AGAIN_MS = 1_200;
/** Ports not heard at by then are closed. */
export const WIDE_PORTS_MS = 5_000;
/** Ports of that end's address that the other tries: of 64512, one of 256 is hit by 1024 with 98.3 %. */
export const WIDE_PROBES = 1_024;
/** So many each WIDE_STEP_MS: 400 a second, 0.3 Mbit/s for two and a half seconds. */
export const WIDE_PROBES_AT_ONCE = 4;
/** What a late timer has missed is made up for, but for no more than this: twenty probes at once. */
export const WIDE_LATE_MS_MAX = 40;
/** Every other one of the first is within this distance of the port that is known: NATs that count hit at once. */
export const WIDE_NEAR_PORTS = 256;
/** Without knowing whether our NAT is one of those: so many round trips after both sides are open, within these bounds. */
export const WIDE_PATIENCE_ROUND_TRIPS = 1.2;
export const WIDE_PATIENCE_MS_MIN = 100;
export const WIDE_PATIENCE_MS_MAX = 300;
/** After a fall to the relay: the path that fell comes back first, if it does. */
export const WIDE_AFTER_FALL_MS = 5_000;
/** Many ports again for the same person: after a failure, after a success. */
export const WIDE_PAUSE_MS = 600_000;
export const WIDE_PAUSE_SUCCESS_MS = 30_000;
/** People remembered for that; the oldest is forgotten first. */
export const WIDE_PEERS_MAX = 256;
/** A punch that failed is tried from a fresh port after this, or so long after many ports; then again and again. */
export const PUNCH_FRESH_MS = 2_500;
export const PUNCH_FRESH_AFTER_WIDE_MS = 6_000;
export const PUNCH_RETRY_MS = 60_000;
/** TTLs of the openers of these tries in turn, for carriers' NATs far away; from one home to another it is ten and more. */
export const PUNCH_RETRY_TTLS = [5, 8, 12] as const;
/** Ports that the other end may name at once, tries of each, and namings: one each PUNCH_NAMED_REFILL_MS. */
export const PUNCH_NAMED_PORTS_MAX = 16;
export const PUNCH_NAMED_OFFSETS_MS = [0, 150, 400] as const;
export const PUNCH_NAMED_BURST = 4;
export const PUNCH_NAMED_REFILL_MS = 10_000;
/** Addresses of the other end that we open such ports to. */
export const PUNCH_TARGETS_MAX = 4;
/** A packet from an address on trial hastens its next probe to this, and no further. */
export const PROBE_PROMPT_MS = 200;
/** An answer after this long says nothing about the path. */
export const PROBE_TIMEOUT_MS = 5_000;
/** Probes under way at once: five seconds of all of them. */
export const PROBES_PENDING_MAX = 256;
export const PATH_REPLIES_PER_SECOND_MAX = 50;
export const PATH_REPLIES_BURST = 32;
/** Addresses offered in one call, however often the other end tells of new ones: four full lists. */
export const CANDIDATES_OFFERED_MAX = 64;
/** Of the ways that a call has tried, so many are told to people: more than fit a screen, and one message of the port. */
export const WAYS_TOLD_MAX = 32;
/** Addresses learned from packets, not offered: one for each NAT rebinding that is still worth a try. */
export const CANDIDATES_LEARNED_MAX = 8;
/** No packet on the path in use for 240 ms (12 frames): send on the relay as well; 600 ms: on the relay only. */
export const PATH_SUSPECT_MS = 240;
export const PATH_DEAD_MS = 600;
/** Nothing by any way for this long: people are told that the call looks for another one. */
export const CONTACT_LOST_MS = 1_500;
/** The same on hold, where one packet in five seconds is all there is. */
export const PATH_SUSPECT_ON_HOLD_MS = 12_000;
export const PATH_DEAD_ON_HOLD_MS = 25_000;
/**
 * A relayed call that falls silent goes through all common relays for this long, until one of them is chosen: longer than
 * the silence takes to be told again, so that all are used until something is heard.
 */
export const RELAY_DOUBT_MS = 600;
/** After a change of path both carry media for this long at least. */
export const PATH_OVERLAP_MS = 400;
/** The other end may take the new path this much later; until then its silence there means nothing. */
export const PATH_SETTLE_MS = 1_000;
/** So many packets there end that doubt early: the other end has taken it. */
export const PATH_SETTLED_PACKETS = 3;
/** The other end says that it hears nothing on the path: the relay carries media as well, until it says so again. */
export const PATH_DOUBTED_MS = 1_000;
/** A standby that answered within this long may take over. */
export const PATH_FRESH_MS = 6_000;
/** A path that failed again soon after its return stays away for this long, doubling up to the maximum. */
export const PATH_RETURN_MS = 2_000;
export const PATH_RETURN_MS_MAX = 30_000;
/** A path that was good for this long is forgiven. */
export const PATH_GOOD_MS = 10_000;
/** Another path of the same kind must be better by this share and this much, for this long. */
export const PATH_BETTER_SHARE = 0.1;
export const PATH_BETTER_MS = 5;
export const PATH_BETTER_FOR_MS = 3_000;

// --- silent path tests (nat/path-test.ts, node/path-desk.ts); PROTOCOL.md 9.12
/** Whoever does not know the question says nothing; a session may have to be opened first, by a line of 300 ms. */
export const PATH_TEST_ANSWER_MS = 5_000;
/** Long enough for many ports (WIDE_PORTS_MS) and for a fresh one after them. */
export const PATH_TEST_MS = 8_000;
/** When nothing but a shared house could help: its addresses have answered by then. */
export const PATH_TEST_HOPELESS_MS = 2_500;
/** Echoes by each way; 20 tell a loss of 5 % from none, and take a second. */
export const PATH_TEST_ECHOES = 20;
/** Below the rate that makes a stream of it at the supernode (section 9.4 of PROTOCOL.md), well above PATH_SUSPECT_MS. */
export const PATH_TEST_ECHO_MS = 50;
/** To be heard at all, once the relay has been measured. */
export const PATH_TEST_REST_MS = 200;
/** An echo that has not come back by then is lost. */
export const PATH_TEST_LOST_MS = 1_000;
/** A voice packet of the normal rung has 63 bytes (section 10); without id, number and their tags. */
export const PATH_TEST_PADDING_BYTES = 38;
/** The answering end forgets a test whose asker died. */
export const PATH_TEST_ANSWERED_MS = 12_000;
export const PATH_TESTS_ANSWERED_MAX = 2;
export const PATH_TESTS_ASKED_MAX = 2;
/** Of one person; `wren check --every 20` stays below. */
export const PATH_TEST_BURST = 3;
export const PATH_TEST_REFILL_MS = 20_000;
/** Refusals that are said, of one person. */
export const PATH_TEST_REFUSALS_BURST = 4;
export const PATH_TEST_REFUSALS_REFILL_MS = 60_000;
/** People whose tests are counted. */
export const PATH_TEST_PEOPLE_MAX = 256;
/** Echoes answered in one test. */
export const PATH_TEST_ECHOES_PER_SECOND_MAX = 50;
export const PATH_TEST_ECHOES_BURST = 32;

// --- login
export const CERTIFICATE_LIFETIME_MS = 72 * 3_600_000;
export const CERTIFICATE_BACKDATE_MS = 3_600_000;
/** Renew when less than this share of the lifetime is left. */
export const CERTIFICATE_RENEW_SHARE = 0.5;
/** After a renewal that failed. */
export const RENEW_RETRY_MS = 600_000;
/** The same once the certificate has ended: until it is renewed nobody lets us in. */
export const RENEW_RETRY_EXPIRED_MS = 30_000;
/** The login server still renews a certificate that expired this recently: the key is proven, no password is asked. */
export const RENEW_GRACE_MS = 30 * 86_400_000;
export const SUPERNODE_CERTIFICATE_LIFETIME_MS = 30 * 86_400_000;
export const PASSWORD_LENGTH_MIN = 8;
export const PASSWORD_LENGTH_MAX = 256;
export const DISPLAY_NAME_LENGTH_MAX = 64;
export const BUDDY_LIST_BYTES_MAX = 200_000;
/** The login server's copy is compared this often when nothing changed here: another device may have changed it. */
export const BUDDY_LIST_SYNC_MS = 12 * 3_600_000;
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
/** Hashes computed at the same time: half of libuv's four threads, so that files and name look-ups are never held up. */
export const HASHES_RUNNING_MAX = 2;
/** What four bytes of UTF-8 make of the longest password. */
export const PASSWORD_BYTES_MAX = 4 * PASSWORD_LENGTH_MAX;
/** A client that was shed comes back between two and six seconds later, by chance, so that not all come together. */
export const BUSY_RETRY_MS_MIN = 2_000;
export const BUSY_RETRY_MS_SPREAD = 4_000;
/** What a stored hash may cost at most: a damaged text must not take the server's memory. */
export const SCRYPT_MEMORY_BYTES_MAX = 2 ** 28;
export const SCRYPT_P_MAX = 16;
/** Password tries from one host, whatever the name: an office behind one address in the morning, not a dictionary. */
export const SIGN_IN_HOST_BURST = 60;
export const SIGN_IN_HOST_REFILL_MS = 1_000;
/** Supernodes enrolled from one host: a burst of ten, then one a minute. */
export const ENROL_BURST = 10;
export const ENROL_REFILL_MS = 60_000;
/** Names that an account may ask for, when the index cannot answer: no faster than sign-ups tell what is taken. */
export const NAME_ASK_BURST = 20;
export const NAME_ASK_REFILL_MS = 10_000;
/** Of all accounts from one host: as sign-ins, which tell of a name as well. */
export const NAME_ASK_HOST_BURST = 60;
export const NAME_ASK_HOST_REFILL_MS = 1_000;
/** A search waits no longer for the login server: the list that the index gave is there already. */
export const NAME_ASK_MS = 2_000;
/** Names asked for at once, those with nobody waiting any more among them; beyond: the search is answered without. */
export const NAMES_ASKED_MAX = 4;
/** Any requests from one host at the login server: a burst of 200, then 20 a second. */
export const LOGIN_REQUEST_BURST = 200;
export const LOGIN_REQUEST_REFILL_MS = 50;
/** Requests of one session that wait for an answer at once; a client of ours has one or two. */
export const LOGIN_REQUESTS_PER_SESSION_MAX = 8;
/**
 * Names or hosts that one rate limit remembers. The oldest is forgotten first: flushing a name out takes so many
 * hashes of other names that its bucket would be full again by then.
 */
export const RATE_ENTRIES_MAX = 10_000;
/** Another server on the same account file may hold its lock for this long; below what a client waits. */
export const ACCOUNT_DB_BUSY_MS = 2_000;
/** A lock that SQLite does not wait for is tried again so soon: who opens a file holds it for some milliseconds. */
export const ACCOUNT_DB_AGAIN_MS = 10;
/** Of one login server to a shared database: it hashes two passwords at a time, and between them asks little. */
export const ACCOUNT_DB_CONNECTIONS_MAX = 8;
export const SUPERNODE_ENDPOINTS_MAX = 8;
/** Enrolments kept; the oldest goes first. */
export const SUPERNODES_STORED_MAX = 10_000;
/** Told in one answer to a supernode, and to a client, for whom 10 kB are enough. */
export const SUPERNODES_TOLD_MAX = 20;
export const SUPERNODES_TOLD_CLIENTS_MAX = 8;
/** RSA keys that are certified; the exponent must be 65537, so that checking costs everybody the same. */
export const KEY_BITS_MIN = 2048;
export const KEY_BITS_MAX = 4096;
export const AUTHORITY_KEY_BITS = 3072;
export const AUTHORITY_LIFETIME_MS = 10 * 365 * 86_400_000;
/** A leaf has 0.9 kB, the authority's own 1 kB; longer ones are not even parsed. */
export const CERTIFICATE_BYTES_MAX = 2048;
/** Checked certificates remembered (parsing costs 0.16 ms); about 2 kB each. */
export const CERTIFICATE_CACHE_ENTRIES_MAX = 1024;
/** Authorities remembered; a node has one, a test process a few. */
export const AUTHORITY_CACHE_ENTRIES_MAX = 16;
/** Random bytes of a serial number: short, because every byte of a certificate has to fit a datagram. */
export const CERTIFICATE_SERIAL_BYTES = 8;
export const NETWORK_NAME_LENGTH_MAX = 64;
/** Endpoints of each kind in an invite; what a person pastes should stay a few lines. */
export const INVITE_ENDPOINTS_MAX = 16;
export const INVITE_TEXT_LENGTH_MAX = 4096;

// --- chat
export const CHAT_TEXT_BYTES_MAX = 16_384;
export const REQUEST_MESSAGE_BYTES_MAX = 1024;
export const OUTBOX_MESSAGES_MAX = 10_000;
/** People in a roster, tombstones apart: as many as a supernode watches for us. */
export const ROSTER_PEOPLE_MAX = 1000;
/** Devices of one account: what one person has at hand, and a list that still fits a message. */
export const DEVICES_MAX = 16;
/** Revoked ones that a list remembers; of more the oldest go, whose certificates ended long before. */
export const REVOKED_DEVICES_MAX = 256;
/** Words on revoked devices that a login server remembers to have signed. */
export const REVOCATIONS_MAX = 4_096;
export const DEVICE_LABEL_LENGTH_MAX = 64;
/** 16 devices with the longest certificates, and all that may be revoked. */
export const DEVICE_LIST_BYTES_MAX = 49_152;
/** An Ed25519 or X25519 key, either half. */
export const ACCOUNT_SEED_BYTES = 32;
export const ACCOUNT_SALT_BYTES = 16;
/** What one device stored in this time comes to the other devices of its account. */
export const SYNC_MS = 72 * 3_600_000;
/** Calls, and marks of safety words, in one message between devices of an account. */
export const SYNC_CALLS_MAX = 64;
export const SYNC_MARKS_MAX = 256;
/** Clocks of two devices may differ by this much. */
export const SYNC_CLOCK_MS = 3_600_000;
/** Lines in one message: of the longest text a megabyte would be too much, and `linesAfter` cuts before that. */
export const SYNC_LINES_MAX = 64;
/** A buddy list in one message of the reliable channel. */
export const SYNC_BYTES_MAX = 250_000;
/** Lines that a device told us, which it need not be told again. */
export const SYNC_FROM_MAX = 2_000;
/** A revoked node is told why, and its session ends so much later: time for it to hear that. */
export const DISMISS_MS = 2_000;
/** People whose device lists are kept: as many as a buddy list holds. */
export const DEVICES_PEOPLE_MAX = 2000;
/** Their file: a device or two each, with certificates in base64. */
export const PEOPLE_FILE_BYTES_MAX = 8_388_608;
/** Lists of one person that are looked at: each costs up to 17 signatures. */
export const DEVICES_TOLD_BURST = 16;
export const DEVICES_TOLD_REFILL_MS = 5_000;
/** Version, nonce, seed, tag. */
export const SEALED_KEY_BYTES = 61;
/** Strangers whose requests wait for an answer; further ones are dropped, and come again by themselves. */
export const REQUESTS_INCOMING_MAX = 200;
/** After a no, the same person cannot ask (and is not shown) again for this long. */
export const REQUEST_AGAIN_MS = 600_000;
/** Clocks of two people may differ by this much: certificates allow no more (CERTIFICATE_BACKDATE_MS). */
export const CLOCK_DIFFERENCE_MS_MAX = 3_600_000;
/** Devices of one person that are followed at a time. */
export const NODES_PER_PERSON_MAX = 8;
/** Unreceipted messages are sent again after these pauses without progress, the last one for ever. */
export const CHAT_RESEND_MS = [5_000, 10_000, 20_000, 60_000] as const;
/** The same while the person is not seen: somebody attached elsewhere may be found without being announced. */
export const CHAT_RESEND_UNSEEN_MS = 300_000;
/** Messages to one person under way: half of what the node queues (PEER_QUEUE_MESSAGES_MAX). */
export const CHAT_IN_FLIGHT_MAX = 32;
/** Their text: four seconds of what a supernode forwards, so that sending again after five does not pile up. */
export const CHAT_IN_FLIGHT_BYTES_MAX = 65_536;
/** A message waits this long for those before it (brief disorder at a change of route), then goes on without. */
export const CHAT_GAP_MS = 2_000;
/** Messages of one node that wait for earlier ones: two windows. */
export const CHAT_HELD_MAX = 64;
/** Ids remembered of one person to drop doubles; the history database is the second guard. */
export const CHAT_IDS_KNOWN_MAX = 1000;
/** Receipts are collected for this long, or until there are so many. */
export const RECEIPT_DELAY_MS = 100;
export const RECEIPT_IDS_MAX = 64;

// --- profile
/** People in one buddy list, tombstones included: what still fits BUDDY_LIST_BYTES_MAX when written tersely. */
export const BUDDIES_MAX = 2000;
/** Tombstones of removed buddies are kept this long: every copy of the list has met the server by then. */
export const TOMBSTONE_LIFETIME_MS = 90 * 86_400_000;
/** A buddy file above this is not ours: BUDDIES_MAX entries with the longest names and request messages. */
export const BUDDIES_FILE_BYTES_MAX = 4_194_304;
/** Any other file of the profile (settings, identity, invite, host cache): a few kilobytes in truth. */
export const PROFILE_FILE_BYTES_MAX = 1_048_576;
/** Copies of damaged files kept beside the new one; beyond, the last is replaced. */
export const DAMAGED_COPIES_MAX = 20;
/** Ports to choose from at install: above the well-known ones, below every system's range for outgoing sockets. */
export const PORT_CHOICE_MIN = 10_240;
export const PORT_CHOICE_MAX = 32_767;
/** Audio SPEC as written by a person: two file names at most. */
export const AUDIO_SPEC_LENGTH_MAX = 8_192;
/** Input gain that a person may set, either way: the voice child refuses more (audio/params.ts). */
export const INPUT_GAIN_DB_MAX = 20;
/** A file that is not open by then hangs on a disk or a network. */
export const RECORDING_OPENS_MS = 5_000;
export const RECORDING_PATH_LENGTH_MAX = 4_096;
/** A microphone that was warned of is closed a minute later: time to come back and say a word. */
export const MICROPHONE_CLOSE_AFTER_MS = 60_000;
export const MICROPHONE_WATCH_MINUTES_MAX = 1_440;
/** A command line in the settings: longer ones are scripts, which have files. */
export const HOOK_COMMAND_LENGTH_MAX = 1_024;
/** Programs of a person that run on events: some may play a ring, which takes a while; none may pile up. */
export const HOOKS_AT_ONCE = 4;
export const HOOKS_WAITING_MAX = 32;
export const HOOK_MS_MAX = 30_000;
/** A supernode that dies is replaced by the standby within this; what lasts longer is a loss, and worth an alert. */
export const LOST_AFTER_MS = 5_000;
/** Of what a failing one said, for the log. */
export const HOOK_STDERR_BYTES_MAX = 300;
/** Lines in one page of history, and their bytes as JSON: a page must fit one line of the agent port. */
export const HISTORY_PAGE_LINES_MAX = 1_000;
export const HISTORY_PAGE_BYTES_MAX = 524_288;
export const HISTORY_SEARCH_WORDS_MAX = 16;
/** A bigger history is not checked through at start (about 1 s); damage then shows when it is met. */
export const HISTORY_CHECK_BYTES_MAX = 67_108_864;
/** Nobody else writes to the history; a backup program may hold it for a moment. */
export const HISTORY_DB_BUSY_MS = 2_000;
/** The write-ahead log is cut back to this once its lines are in the file. */
export const HISTORY_WAL_BYTES_MAX = 4_194_304;
/**
 * The id of an erased line is remembered (hashed) for so long: its writer, or a mailbox, may still send it again, and
 * what was erased must not come back. Messages to sleepers are kept for 72 hours; a writer without our receipt goes on.
 */
export const HISTORY_ERASED_KEPT_MS = 30 * 24 * 3_600_000;
/** People whose account keys are remembered: the buddies of a lifetime, and some. */
export const SAFETY_PEOPLE_MAX = 4_000;
/** How long the agent's start waits for the system's secret store; it goes on asking after that. */
export const SECRET_STORE_START_MS = 1_500;
/** And how long in all: a person may have to unlock it first. */
export const SECRET_STORE_ASK_MS = 60_000;
/** Of the child that asks it. */
export const SECRET_STORE_HEAP_MIB = 32;
/** Log file: beyond, it becomes the one old log. */
export const LOG_FILE_BYTES_MAX = 2_097_152;
/** Text of one log field; more helps nobody. */
export const LOG_TEXT_LENGTH_MAX = 2_000;

// --- agent port
export const AGENT_CLIENTS_MAX = 64;
export const AGENT_COMMANDS_PENDING_MAX = 256;
/** Unread bytes after which a screen is dropped instead of waited for: several whole states. */
export const AGENT_BACKLOG_BYTES_MAX = 4_194_304;
/** An agent that was started answers within this long, or its log says why not. */
export const AGENT_START_MS = 5_000;
/** Between two looks whether a starting agent answers. */
export const AGENT_START_RETRY_MS = 25;
/** Between two starts while another agent still holds the profile. */
export const AGENT_START_AGAIN_MS = 500;
export const AGENT_HELLO_MS = 5_000;
/** `sun_path` holds 104 bytes (macOS) to 108 (Linux), with the closing zero: longer paths move elsewhere. */
export const SOCKET_PATH_BYTES_MAX = 100;

// --- sockets (net/io)
/** A free port is chosen here: above what servers use, below Linux's range for outgoing connections (32768). */
export const PORT_PICK_MIN = 10_000;
export const PORT_PICK_MAX = 32_767;
/** A port must be free four ways (UDP and TCP, IPv4 and IPv6); a busy machine refuses a few, not sixteen. */
export const PORT_PICK_TRIES = 16;
/** Kernel buffer for arriving datagrams: a burst outlasts a garbage collection (realtime.md 7). */
export const DATAGRAM_RECEIVE_BUFFER_BYTES = 1_048_576;
/** What Linux and macOS give a packet by themselves; set back to it after one with a TTL of its own. */
export const DATAGRAM_TTL = 64;
/** Temporary sockets of a node: one path finder's many (WIDE_PORTS), and those that earlier calls still speak by. */
export const SOCKETS_TEMPORARY_MAX = 272;
/** Datagrams waiting for the kernel; beyond, new ones are dropped, as a full network would. */
export const DATAGRAM_SEND_QUEUE_BYTES_MAX = 262_144;
/** All streams of a node: its clients (500), as many half-open ones, and a few of its own. About 8 kB each. */
export const STREAMS_MAX = 1024;
/** Incoming streams from one address: an office behind one NAT, but not one flooder. */
export const STREAMS_PER_HOST_MAX = 64;
/** Connections that the kernel holds for us between two turns of the loop. */
export const STREAM_ACCEPT_BACKLOG = 128;
/** Same patience as for an attach attempt. */
export const STREAM_CONNECT_TIMEOUT_MS = 5_000;
/** Written but not yet taken by the kernel; two largest packets. Beyond, whole writes are dropped. */
export const STREAM_BACKLOG_BYTES_MAX = 131_072;
/** An incoming stream must say something within this. */
export const STREAM_FIRST_BYTE_MS = 10_000;
/** Nothing either way: as long as a session lives unheard (SESSION_IDLE_MS). */
export const STREAM_IDLE_MS = 180_000;
/** After a close the rest may still drain for this long. */
export const STREAM_LINGER_MS = 2_000;
/** Time to flush everything when the driver closes. */
export const SOCKETS_FLUSH_MS = 1_000;
/** The head of a proxy's answer: pages of cookies fit, an endless one does not. */
export const PROXY_HEAD_BYTES_MAX = 16_384;
/** Length of a proxy's URL as written; user and password have 255 bytes each at most (RFC 1929). */
export const PROXY_URL_LENGTH_MAX = 2_048;
export const PROXY_CREDENTIAL_BYTES_MAX = 255;
/** Entries of NO_PROXY that are looked at. */
export const NO_PROXY_ENTRIES_MAX = 256;
/** Host names (from invites only) are asked again after this. */
export const NAME_CACHE_MS = 60_000;
/** A name that was not found is asked again after this: a resolver comes back with the network. */
export const NAME_FAILURE_CACHE_MS = 2_000;
export const NAMES_MAX = 64;
/** Datagrams and connections that wait for one name. */
export const NAME_WAITERS_MAX = 16;
/** Node tells of no address change; realtime.md 1.4 polls this often. */
export const LOCAL_ADDRESS_POLL_MS = 2_000;
/** So much later than due such a poll comes after a sleep, by the wall clock: the other clocks of many systems stand still in it. */
export const SLEPT_MS_MIN = 10_000;
/** A packet that cannot leave tells of it sooner; of several this often. */
export const NO_WAY_EVERY_MS = 500;
/** Machines with dozens of container bridges exist; a peer tries no more than this. */
export const LOCAL_ENDPOINTS_MAX = 16;
/** Ports at gateways: what RFC 6886 recommends, renewed at half; shorter than the least is not believed. */
export const MAPPING_LIFETIME_S = 7_200;
export const MAPPING_LIFETIME_S_MIN = 120;
/** Between two tries to renew (RFC 6887 section 11.2.1 has 4 s). */
export const MAPPING_RENEW_MS_MIN = 10_000;
/** No gateway is asked after this; the last one may still take its own time. */
export const MAPPING_START_MS = 5_000;
/** Nobody gave a port: a router may be exchanged, or its owner switch it on. */
export const MAPPING_AGAIN_MS = 1_800_000;
/** Giving a port back when we end. */
export const MAPPING_CLOSE_MS = 1_000;
/** PCP and NAT-PMP: a question is repeated after these (RFC 6886 begins so); whoever has an answer has it in a few ms. */
export const PORT_CONTROL_RETRY_MS = [250, 500, 500] as const;
/** Gateways of one machine that are asked. */
export const PORT_GATEWAYS_MAX = 2;
/** A search by UPnP takes as long as the slowest gateway of the network. */
export const UPNP_SEARCH_MS = 4_000;
/** The child process that asks by UPnP or NAT-PMP is killed after this; one that crashes is asked once more. */
export const PORT_MAPPER_MS = 5_000;
export const PORT_MAPPER_HEAP_MIB = 48;
export const PORT_MAPPER_CRASHES = 1;
export const PORT_MAPPER_AGAIN_MS = 250;
/** Node's longest timer. */
export const TIMER_MS_MAX = 2_147_483_647;
/** Node's timers count whole milliseconds from a clock that is cut to whole ones, so they may fire this early. */
export const TIMER_EARLY_MS_MAX = 2;
/** Steps that may follow from one input before we call it a loop of our own making. */
export const DRIVER_STEPS_MAX = 100_000;
