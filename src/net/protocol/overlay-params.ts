/**
 * Numbers that we chose for what supernodes are to one another, each with its reason: membership, the Global Index with
 * searches, people elsewhere, load; and for how a client becomes one, or is taken for one. Where all other
 * bounds are, `params.ts` says. A little above 400 lines: one table.
 */

// --- membership (SWIM: Das, Gupta, Motivala 2002; Lifeguard: Dadgar, Phillips, Currey 2018)
/** A member probes another so often, by turns its successor in the ring of ids and one at random. */
export const SWIM_PERIOD_MS = 500;
/** An answer is due after so long: a round trip round the world, and a handshake in a network that is near. */
export const SWIM_PING_MS = 400;
/** After it three others are asked to probe as well, and have so long. */
export const SWIM_ASK_MS = 700;
export const SWIM_ASKED = 3;
/** A suspect has so long to contradict: four lost packets in a row at least, before anybody believes in its death. */
export const SWIM_SUSPECT_MS = 2_000;
/** Probes under way; the rest waits for its turn. */
export const SWIM_PROBES_MAX = 16;
/** Others' probes that we make and whose answers we pass on. */
export const SWIM_ERRANDS_MAX = 256;
/** News in one packet: with 8 of them a probe stays below 400 bytes. */
export const SWIM_NEWS_PER_PACKET = 8;
/** News of one change is repeated this many times log2 of the members: reaches all with 5 % loss (Das, section 4.1). */
export const SWIM_SPREAD = 3;
/** A change of somebody's state goes on at once to so many, gathered for so long. */
export const SWIM_FANOUT = 4;
export const SWIM_GATHER_MS = 40;
export const SWIM_NEWS_AT_ONCE_MAX = 24;
/** Two compare all that they know so often, so that even lost news and healed partitions end in one view. */
export const MEMBERS_SYNC_MS = 30_000;
export const MEMBERS_PER_SYNC_MAX = 2_000;
/** One that seems dead is tried again so often; all the more when nobody else is there. */
export const SWIM_RECONNECT_MS = 10_000;
/** A dead member is remembered for a day: so long a partition heals by itself. */
export const MEMBER_DEAD_MS = 86_400_000;
/** The largest network that was thought through (global-index.md 4.2). */
export const MEMBERS_MAX = 131_072;
/** How bad our own network may seem to us, in steps: each makes us half a time-out more patient with others. */
export const SWIM_DOUBT_MAX = 8;
/** Load is told anew when it has moved by so much. */
export const LOAD_STEP_PERMILLE = 100;

// --- the Global Index
/** Clocks of people may be ahead of ours by so much. */
export const RECORD_AHEAD_MS = 3_600_000;
/** Id, two homes, the longest display name in four-byte characters, time and flags have less. */
export const RECORD_BYTES_MAX = 512;
/** Of an RSA key of 4096 bits. */
export const RECORD_SIGNATURE_BYTES_MAX = 512;
export const RECORD_HOMES_MAX = 2;
/** Names from which a record is hidden in searches; presence, look-ups, calls and chat know more (HIDDEN_FROM_MAX). */
export const HIDDEN_TAGS_MAX = 64;
/** A chance of one in 65,536 for anybody else: too much to tell by it whom somebody blocks, too little to be missed. */
export const HIDDEN_TAG_BYTES = 2;
/** Records of one supernode: 64 supernodes with full copies hold 50,000 people (global-index.md 4.3); four times that. */
export const RECORDS_MAX = 200_000;
/** Records are gathered for so long before they go to the others. */
export const INDEX_GATHER_MS = 100;
/** Records in one message: 64 of 1.1 kB. */
export const RECORDS_PER_PUT_MAX = 64;
/** Two copies compare so often (global-index.md 4.3: 2 s; a lost message is the exception, so rarer). */
export const INDEX_COMPARE_MS = 5_000;
/** Versions or ids in one message. */
export const INDEX_VERSIONS_MAX = 4_096;
/** Hits of one page; a screen shows fewer. */
export const PAGE_HITS_MAX = 50;
/** Names or words that one search looks at: some ms of a core. What fits more is told to be incomplete. */
export const SEARCH_SCANNED_MAX = 50_000;
/** A supernode that lost half of so many or more, ourselves among them, may be cut off, for so long (`cut-off.ts`). */
export const CUT_OFF_KNOWN_MIN = 4;
export const CUT_OFF_MS = 3_600_000;
/** Full copies up to so many supernodes; the index by slots above it (global-index.md 4.3). */
export const FULL_INDEX_MEMBERS_MAX = 64;
/** And back to full copies only below so many, so that one who comes and goes does not move everything. */
export const SLOT_INDEX_MEMBERS_MIN = 48;
/**
 * While the index goes from one form to the other the old one is read for so long: membership is agreed upon within some
 * seconds, and slots are filled and copies compared by then.
 */
export const INDEX_READ_OVER_MS = 30_000;
/** And both are written for so long: whoever sees the change by a minute earlier or later loses nothing. */
export const INDEX_WRITE_OVER_MS = 90_000;
/** A copy that has been among others for so long, and was compared, holds what theirs do. */
export const INDEX_SETTLED_MS = 20_000;
/** Records that have ended are looked for so often, so many at a time: a large copy once in ten minutes. */
export const INDEX_SWEEP_MS = 10_000;
export const INDEX_SWEEP_RECORDS = 4_000;

// --- the index by slots (global-index.md 4.3, stage 2)
/** Supernodes for each slot, as in the classic network (slots of 9 or 10). */
export const SLOT_SUPERNODES = 10;
export const SLOTS_MAX = 16_384;
/** Copies of each key: with 30 % of the supernodes dead at once 0.007 % of the keys are without one. */
export const REPLICAS = 8;
/** So many have a record before it counts as published, and so many are read: 5 + 4 > 8, they share one. */
export const WRITE_ACKS = 5;
export const READ_ANSWERS = 4;
/** Acknowledgements asked for at first: one more than needed. */
export const WRITE_ACKS_ASKED = 6;
/** The four that were not asked are asked too when an answer is missing for so long: a round trip round the world. */
export const READ_HEDGE_MS = 170;
/** What has come by then is taken, with four answers at least; without them one waits on, twice at most. */
export const READ_ENOUGH_MS = 250;
export const READ_LIMIT_MS = 1_000;
/** Replicas that have not acknowledged are told again so often, so many times. */
export const WRITE_RETRY_MS = 1_000;
export const WRITE_TRIES = 4;
/** Questions and writes under way. */
export const SLOT_TICKETS_MAX = 8_192;
/** Postings of one leaf; above it is split at the median (global-index.md 4.3). */
export const LEAF_MAX = 512;
/** Separators of all leaves: of 10^7 people (a leaf of 391 postings on average, three for each). */
export const LEAVES_MAX = 131_072;
export const LEAF_TEXT_MAX = 104;
/** Separators in one message. */
export const LEAVES_PER_MESSAGE_MAX = 2_000;
/** Leaves that one search reads: about 50,000 postings, as many as a full copy looks at. */
export const SEARCH_LEAVES_MAX = 128;
/** So many more than a page are asked for, in case somebody hides from whoever searches. */
export const HIDDEN_SLACK = 4;
/** Records that a replica gives of some leaves: those of a page, one that tells that there are more, and the slack. */
export const LEAF_HITS_MAX = PAGE_HITS_MAX + 1 + HIDDEN_SLACK;
/** Leaves read at once when names go on; doubled each time. */
export const LEAVES_AT_ONCE = 1;
/** Pages are kept for so long, empty ones less (global-index.md 4.4), and are checked whenever they are asked for. */
export const PAGE_KEPT_MS = 60_000;
export const PAGE_EMPTY_KEPT_MS = 5_000;
/** Share of kept pages that are read all the same, to see whether replicas tell the truth. */
export const PAGE_SPOT_CHECK = 1 / 20;
/** Pages kept: a hundred of fifty records. */
export const PAGES_KEPT_BYTES_MAX = 8_000_000;
/** Leaves of one slot whose versions are told: a millisecond each, when they have changed. */
export const LEAF_VERSIONS_MAX = 16;
/** Versions of leaves that are remembered. */
export const LEAF_VERSIONS_KEPT_MAX = 4_096;
/** Records that one question names by their nodes: all eight replicas together have 440 hits. */
export const SLOT_FETCHED_MAX = 512;
/** Changes among the members are gathered for so long before slots move. */
export const SLOT_GATHER_MS = 200;
/** Replicas of a slot compare so often; while one is learning more often. */
export const SLOT_COMPARE_MS = 10_000;
export const SLOT_LEARN_MS = 1_000;
/** When all replicas of a slot are new: nobody has come with more for so long. */
export const SLOT_ALONE_MS = 20_000;
/** Or, as somebody always comes with more in a large network, everybody has compared with everybody. */
export const SLOT_LEARN_MAX_MS = 60_000;
/** What is here but belongs to others is offered to them after so long, and kept until two have answered. */
export const STRAY_MS = 5_000;
export const STRAY_OFFERS = 2;
/** Leaves that grew are looked at so often. */
export const LEAF_CHECK_MS = 1_000;
/** A replica tells whoever asked for a name of its news for so long: longer than it takes to ask for all names again. */
export const SLOT_WATCH_MS = 7_200_000;
/** Names and supernodes that a replica keeps for that; the oldest go first. */
export const SLOT_WATCHES_MAX = 100_000;
/** Words of earlier records that a record is filed under as well. */
export const ALSO_MAX = 64;

// --- what a person may search (global-index.md 4.5)
/** Pages of hits of one account, whichever devices and supernodes: so many at once, then 60 an hour. */
export const SEARCH_PAGES_BURST = 60;
export const SEARCH_PAGE_REFILL_MS = 60_000;
/** Supernodes that count the pages of an account; what most of them say holds, so one may die or lie. */
export const SEARCH_METERS = 3;
/** One that has not answered is taken to say what we would. A round trip round the world; the search takes as long. */
export const SEARCH_METER_MS = 400;
/** Accounts that a supernode counts for: the one that searched longest ago is forgotten beyond, 100 bytes each. */
export const SEARCH_METERED_MAX = 50_000;
/** Questions to meters under way, and searches of one client that wait for them. */
export const SEARCH_TAKES_MAX = 4_096;
export const SEARCHES_WAITING_MAX = 8;
/** An answer that is not there by then will not come. */
export const SEARCH_HELD_MS = 10_000;

// --- people at other supernodes
/** Records kept of people who are watched, looked up or attached here, 0.4 kB each. */
export const HOMES_KNOWN_MAX = 20_000;
/** Questions for watched names under way; the rest waits. */
export const HOMES_ASKED_AT_ONCE = 64;
/** Names that wait to be asked for: those of all clients, each with fifty buddies. */
export const HOMES_WANTED_MAX = 25_000;
/** One watched name that nobody here sees is asked for again this often, by turns: a hundred bytes a second. */
export const HOMES_AGAIN_MS = 1_000;
/** The same name not more often than this. */
export const HOMES_AGAIN_MIN_MS = 60_000;
/** Who is not seen any more may be about to come back elsewhere. */
export const HOMES_LOST_MS = 3_000;
/** What one client may have asked, and not heard of yet; and all together. More is `busy`: an answer takes 0.3 s. */
export const QUESTIONS_PER_CLIENT_MAX = 64;
export const QUESTIONS_MAX = 512;
/** A question that the index has not answered by then is answered without it, as incomplete. */
export const QUESTION_LIMIT_MS = 4_000;
/** A search ends with what it has after so long. */
export const SEARCH_LIMIT_MS = 3_000;
/** A supernode that does not answer a look-up in time is left out of the answer. */
export const LOOKUP_ABROAD_MS = 600;
/** Look-ups under way. */
export const LOOKUPS_ABROAD_MAX = 1_024;
/** Homes asked for one name: two for each of a few devices. */
export const HOMES_ASKED_MAX = 8;
/** What other supernodes want to hear of: 500 clients of each of a hundred, with twenty buddies who are all here. */
export const INTERESTS_MAX = 1_000_000;
/** Of one of them: more than a thousand clients with a hundred buddies each; so one alone cannot take all the room. */
export const INTERESTS_OF_ONE_MAX = 100_000;
/** Interests in one message, 75 bytes each. */
export const INTERESTS_PER_MESSAGE_MAX = 256;
/** Nodes abroad whose home and name are remembered from what they did. */
export const FOREIGNERS_MAX = 20_000;
/** For so long a source is introduced by name after somebody did not know it. */
export const INTRODUCE_MS = 10_000;

// --- sessions with other supernodes
/** What waits for a session: a handshake round the world is over before so much is said. */
export const MESH_QUEUE_MAX = 256;
/** After all endpoints of a supernode failed nothing is tried for so long. */
export const MESH_RETRY_MS = 5_000;
/** Sessions with others at once; the rest of the table is for clients. */
export const MESH_SESSIONS_MAX = 1_024;

/** Entries of one supernode that is asked by another, and the oldest are forgotten beyond: a thousand of 1.3 kB. */
export const ENTRIES_KEPT_MAX = 1_000;
/** Entries of supernodes in one question between supernodes, and in its answer, 1.3 kB each. */
export const ENTRIES_WANTED_MAX = 32;
/** Supernodes that a new one compares its members with at once. */
export const CONTACTS_MAX = 4;
/** A supernode that knows no other asks the login server this often, beside what it asks for probes when it has come. */
export const ALONE_ASK_MS = 600_000;
/** Load is measured this often. */
export const LOAD_LOOK_MS = 5_000;

// --- too much to do
/** What clients ask of a supernode that costs more than a packet. */
export type Work = 'attach' | 'search' | 'lookup' | 'publish' | 'entries';
/** Of a core, with what goes before and after: handshake, index, signature (measured, rounded up). */
export const WORK_COST_MS: Readonly<Record<Work, number>> = {
  attach: 3,
  search: 3,
  lookup: 0.3,
  publish: 1,
  entries: 1,
};
/** A quarter of a core for what clients ask, two seconds' worth at once: 80 newcomers a second, 100 when they come together. */
export const WORK_MS_PER_SECOND = 250;
export const WORK_BURST_MS = 500;
/** So much of the burst is left for what stands below: first to be refused is what can be asked again later. */
export const WORK_RESERVE: Readonly<Record<Work, number>> = {
  search: 0.6,
  entries: 0.6,
  publish: 0.4,
  attach: 0.3,
  lookup: 0,
};
/** Woken so much later than asked for, the program does not get round to its work: ten times a voice packet's time. */
export const OVERLOAD_LAG_MS = 200;
export const OVERLOAD_LASTS_MS = 2_000;
/** Clients are not sent to a supernode that is nearly full itself: others are sending theirs there as well. */
export const REDIRECT_LOAD_PERMILLE_MAX = 900;
/** Of so many, always the same for one client and day, those with the least load are named. */
export const REDIRECT_CHOICES = 8;
export const REDIRECT_ENTRIES_MAX = 2;
/** A refused client comes back after this and as much again by its node id (classic-network.md 1.8: 3 to 9 s). */
export const BUSY_RETRY_MS = 3_000;
export const BUSY_RETRY_SPREAD_MS = 6_000;
/** So often in a row is a client sent on; then it waits like after a refusal. */
export const REDIRECTS_MAX = 4;
/** Whoever sent us on is not taken for a better place for so long. */
export const REDIRECTED_AVOID_MS = 1_800_000;

// --- clients
/** Whom a client is told of so soon after it told us whom it watches was there before. */
export const JUST_COME_MS = 3_000;
/** A client's records: one for each change of a home, with time to change often when networks are bad. */
export const PUBLISH_BURST = 12;
export const PUBLISH_REFILL_MS = 10_000;
/** For so long those who were watched before are not taken for gone after we came to another supernode. */
export const PRESENT_SETTLES_MS = 3_000;
/** A short absence with nothing new to say is not worth a record; who stays so long is told to be here again. */
export const PUBLISH_CALM_MS = 600_000;

// --- what a client says of itself
/** Changes that come together are said together; at sign-in the first look at buddies goes before. */
export const PUBLISH_GATHER_MS = 200;
export const PUBLISH_RETRY_MS = 10_000;
/** Six times in the life of a record (global-index.md 4.3). */
export const PUBLISH_AGAIN_MS = 43_200_000;

// --- clients that become supernodes (PROTOCOL.md 9.13)
/** Whoever was attached for less comes and goes; figure N5 wants a supernode within a minute, dial-back included. */
export const PROMOTION_UPTIME_MS = 20_000;
/** Supernodes that dial a client back before it may serve (global-index.md 4.5); all of them where there are fewer. */
export const DIAL_BACKS = 3;
/** After the supernode said who dials: a round trip round the world, a TCP connection, and one datagram sent again. */
export const DIAL_BACK_WAIT_MS = 4_000;
/** The supernode did not even say that. */
export const DIAL_BACK_TOLD_MS = 3_000;
/** Packets get lost and supernodes die: so many rounds before a client counts as out of reach, with this pause. */
export const DIAL_BACK_ROUNDS = 3;
export const DIAL_BACK_ROUND_MS = 3_000;
/** What was found out of reach is looked at again after these times: NATs and firewalls change rarely. */
export const PROMOTION_RETRY_MS = [60_000, 300_000, 1_800_000, 7_200_000] as const;
/** Whoever serves is dialled again so often; out of reach twice in a row it leaves. */
export const PROMOTION_CHECK_MS = 600_000;
/** Facts that age: what was measured longer ago counts as not known. */
export const PROMOTION_FACTS_MS = 1_800_000;
/** Whoever left because the machine had other things to do does not come back sooner. */
export const PROMOTION_REST_MS = 1_800_000;
/** A bad moment is no reason to leave: processor, memory or network must be bad for so long. */
export const PROMOTION_BAD_MS = 60_000;
/** Of all cores: half idle to begin, a seventh to go on. */
export const PROMOTION_BUSY_PERCENT_MAX = 50;
export const SERVING_BUSY_PERCENT_MAX = 85;
/** A supernode with a hundred clients takes 90 MB, and the machine is somebody's. */
export const PROMOTION_FREE_MEMORY_MIN = 512_000_000;
export const SERVING_FREE_MEMORY_MIN = 128_000_000;
/** bit/s up: "more than 140 kbit/s" made a supernode of the classic client; here twice, for it may relay two calls. */
export const PROMOTION_UP_BPS_MIN = 280_000;
/** By itself nobody is added where there are so many (the replicas of a slot) and they have less to do than this. */
export const SUPERNODES_ENOUGH = 8;
export const SUPERNODES_IDLE_PERMILLE = 300;
/** `WREN_SUPERNODE=auto` looks again whether it is needed. */
export const PROMOTION_NEED_MS = 300_000;
/** Enrolling takes a second; a login server that is away may be back. */
export const PROMOTION_ENROL_MS = 60_000;

/** So many bytes a question for dial-backs has at least: more than three datagrams, twice, and three SYNs. */
export const DIAL_BACK_PADDING_BYTES = 480;
/** Questions of one client, and of all behind one address; six are what a promotion takes at most. */
export const DIAL_BACK_BURST = 8;
export const DIAL_BACK_REFILL_MS = 60_000;
/** Dial-backs that another supernode may ask of us. */
export const DIAL_BACK_PARTNER_BURST = 60;
export const DIAL_BACK_PARTNER_REFILL_MS = 1_000;
/**
 * What enrols is dialled by the login server, which waits so long: a datagram that is sent again, and a connection, both once
 * round the world, and the answers.
 */
export const REACH_WAIT_MS = 3_500;
/** Numbers that a supernode says back in one enrolment: two for each of its addresses, and some that others made up. */
export const REACH_SAID_MAX = 32;
/** Addresses in a certificate, each with a byte for its length: two of IPv6, or eight of IPv4; so it fits a datagram. */
export const REACHED_HOSTS_BYTES_MAX = 40;
/** Under way at once; each is one datagram, sent twice, and one connection. */
export const DIALS_MAX = 64;
export const DIAL_AGAIN_MS = 700;
export const DIAL_STREAM_MS = 3_000;
/** A stream that has said what it had to say is closed then. */
export const DIAL_LINGER_MS = 500;

/** The measured burst: 24 packets of a kilobyte take 0.7 s at the bandwidth that is asked for. */
export const TRAIN_PACKETS = 24;
export const TRAIN_FILLING_BYTES = 1_000;
/** What has not come by then is lost. */
export const TRAIN_MS = 2_500;
/** Trains of one client. */
export const TRAIN_BURST = 3;
export const TRAIN_REFILL_MS = 120_000;
export const TRAINS_MAX = 64;

/** Caps of a person's machine that serves: a fifth of a dedicated supernode's clients, and four calls by relay. */
export const PROMOTED_CLIENTS_MAX = 100;
export const PROMOTED_RELAY_KBPS = 512;

// --- who is taken for a supernode and is none
/** Answers to Hellos, all together and for one host: a client tries such an address a few times an hour. */
export const ELSEWHERE_BURST = 16;
export const ELSEWHERE_REFILL_MS = 500;
export const ELSEWHERE_HOST_BURST = 4;
export const ELSEWHERE_HOST_REFILL_MS = 10_000;
/** Streams that are read until there is a Hello, and for how long. */
export const ELSEWHERE_STREAMS_MAX = 16;
export const ELSEWHERE_STREAM_MS = 5_000;
/** Our supernode is asked for its entry this often while somebody wants it; the entry is good for a day. */
export const ELSEWHERE_ENTRY_RETRY_MS = 60_000;
export const ELSEWHERE_ENTRY_MS = 86_400_000;
/** So many are followed while we look for a supernode: whoever knows the mask could send us round for ever. */
export const ELSEWHERE_FOLLOWED_MAX = 8;
/** Our own Hellos whose answers are known: a whole sweep. */
export const ELSEWHERE_HELLOS_MAX = 256;
/** Hellos that wait for our supernode's entry. */
export const ELSEWHERE_WAITING_MAX = 8;

// --- devices that their account has revoked
/** Words that a supernode holds: some 12 MB; of one account, that may list 16 devices. */
export const REVOKED_WORDS_MAX = 20_000;
export const REVOKED_PER_ACCOUNT_MAX = 32;
/** In one message. */
export const REVOKED_PER_MESSAGE_MAX = 64;
/** What one comparison brings at most; the next one goes on. */
export const REVOKED_PER_COMPARISON_MAX = 512;
/** Prints that are told at once, of whole buckets. */
export const REVOKED_PRINTS_MAX = 8_192;
/** News goes to so many others, twice: e^-8, one in three thousand, hears of it only when copies are compared. */
export const REVOKED_SPREAD = 4;
/** Up to so many others are told all at once. */
export const REVOKED_TELL_ALL = 8;
export const REVOKED_GATHER_MS = 100;
export const REVOKED_SPREAD_AGAIN_MS = 500;
export const REVOKED_COMPARE_MS = 10_000;
/** With those who have just come: after a partition both sides hear within a second. */
export const REVOKED_COMPARE_SOON_MS = 1_000;
/** So many of those who know a newcomer compare with it. */
export const REVOKED_COMPARE_NEW = 8;
/** Unknown words, each of which costs a signature check: of one account that brings them, and of another supernode. */
export const REVOKED_CLIENT_BURST = 32;
export const REVOKED_CLIENT_REFILL_MS = 60_000;
export const REVOKED_SUPERNODE_BURST = 1_024;
export const REVOKED_SUPERNODE_REFILL_MS = 50;
export const REVOKED_SWEEP_MS = 60_000;
/** What has changed is written after so long. */
export const REVOKED_STORE_MS = 1_000;
