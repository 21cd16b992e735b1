/**
 * The numbers of conferences (PROTOCOL.md, section 9.18), each with its reason; beside `params.ts`, which holds those of
 * calls. Cores take every bound from here.
 */

/** People in one conference: what one machine with two cores mixes (figures.md, V11). */
export const CONFERENCE_MEMBERS_MAX = 8;
/** Invitations that one member tells of. */
export const CONFERENCE_ASKED_MAX = 16;
export const CONFERENCE_REMOVED_MAX = 32;
/** Invite ids that one member keeps in mind: all that eight tell of, and as many of before. */
export const CONFERENCE_INVITES_MAX = 256;
/** Nodes of which one member keeps the newest statement, those who are gone among them. */
export const CONFERENCE_NODES_MAX = 64;
/** Invitations of those who are gone that one member keeps in mind as asked once more. */
export const CONFERENCE_ADOPTED_MAX = 256;
/** Terms and orders beyond this were not reached by counting, nor by counting from what is known to so many more. */
export const CONFERENCE_COUNT_MAX = 2 ** 30;
export const CONFERENCE_JUMP_MAX = 1_000;
/** Statements of people for whom nobody has vouched yet, and for how long. */
export const CONFERENCE_PENDING_MAX = 8;
export const CONFERENCE_PENDING_MS = 10_000;
/** Invitations that were used up, declined or refused, to know them again. */
export const CONFERENCE_INVITES_PAST_MAX = 256;
/** Conferences that we were in and that may go on without us: so long one may come back by a key. */
export const CONFERENCES_PAST_MAX = 4;
export const CONFERENCE_REJOIN_MS = 30 * 60_000;
export const CONFERENCE_TROUBLE_LENGTH_MAX = 80;

/** Who is in and was not heard for so long is not told anything any more; before, coming back needs no key. */
export const CONFERENCE_LOST_MS = 10 * 60_000;
/** Between beats. Three of them lost in a row are rare up to 10 % loss; with eight people they cost 1.7 kB/s. */
export const CONFERENCE_BEAT_MS = 600;
/** Without any sign of a member it is not counted on: three beats. */
export const CONFERENCE_QUIET_MS = 1_800;
/** One that was not heard for so long is told our statement again, and as often. */
export const CONFERENCE_RESTATE_MS = 2_000;
/** A question for a newer statement is repeated at most so often. */
export const CONFERENCE_ASK_AGAIN_MS = 500;
/** Round trips and load change all the time; they are told at most so often. */
export const CONFERENCE_FACTS_MS = 3_000;
/** Round trips are told in steps of this. */
export const CONFERENCE_RTT_STEP_MS = 20;

/** No voice of the mixer for so long: it is not heard. A path that breaks is replaced within 600 ms (section 9.8). */
export const CONFERENCE_DEAF_MS = 700;
/** The first voice of a new mixer has so long to come: the session with it may have to be made. */
export const CONFERENCE_FIRST_VOICE_MS = 1_500;
/** Not heard for so long while others hear it: the two cannot talk. */
export const CONFERENCE_DEAF_PAIR_MS = 4_000;
/** Another must be better for so long, */
export const CONFERENCE_BETTER_MS = 3_000;
/** after the mixer has been it for so long, so that the mix does not wander. */
export const CONFERENCE_REIGN_MS = 10_000;
/** Who mixed in vain does not mix again before. */
export const CONFERENCE_DEPOSED_MS = 15_000;
/** Legs of a mixer that is alive go on so long after another took over: sound overlaps instead of pausing. */
export const CONFERENCE_LINGER_MS = 600;

/** What a leg takes upwards, kbit/s: 24 kbit/s of sound and as much again of headers and copies. */
export const CONFERENCE_LEG_KBPS = 60;
export const CONFERENCE_BETTER_POINTS = 80;
/** In favour of the two whose call became a conference. */
export const CONFERENCE_GROWN_POINTS = 300;
/** Processor to spare that mixing takes at the least, in hundredths of a core. */
export const CONFERENCE_IDLE_LEAST = 30;

/** Who speaks is told so often. */
export const CONFERENCE_SPEAKING_MS = 200;
/** A warning about one person is told once in this time. */
export const CONFERENCE_WARN_MS = 60_000;
