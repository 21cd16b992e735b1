/**
 * Numbers that we chose for letters to people who are not there (PROTOCOL.md 9.16) and for groups (9.17), each with its
 * reason. Where all other bounds are, `params.ts` says.
 */

// --- who writes and reads them
/**
 * Every letter has one of these sizes, so that it tells little of its text: a line with certificate and signature, one of a
 * thousand characters, of five thousand, and the longest text that there is.
 */
export const LETTER_SIZES: readonly number[] = [2_048, 4_096, 8_192, 24_576];
/** A device that is not seen is written to after so long: whoever is here is seen sooner. */
export const MAIL_UNSEEN_MS = 1_500;
/** One that is seen, when it gave no receipt for so long: two repetitions of the message. */
export const MAIL_SEEN_MS = 20_000;
/** Deposits without an answer, of one client. */
export const MAIL_UNDER_WAY_MAX = 16;
export const MAIL_FAILED_RETRY_MS = 60_000;
/** A full mailbox is tried again after so long. */
export const MAIL_FULL_RETRY_MS = 600_000;
/** A letter that nobody collected is written anew so long before it is thrown away. */
export const MAIL_AGAIN_BEFORE_MS = 600_000;
/** A letter that fewer supernodes hold is brought again whenever its sender attaches. */
export const MAIL_COPIES_SAFE = 3;
/** Receipts and missed calls that wait to be kept. */
export const MAIL_NOTES_MAX = 2_000;
/** A client's deposit and collection are answered within so long. */
export const MAIL_ANSWER_MS = 10_000;
/** Letters are collected so long after we attached (30 % either way), when what others wait for has been said. */
export const MAIL_COLLECT_FIRST_MS = 2_000;
/** They are collected once more so much later, and then so often while we stay. */
export const MAIL_COLLECT_SOON_MS = 60_000;
export const MAIL_COLLECT_MS = 3_600_000;
/** When a collection failed, or not everybody could be asked. */
export const MAIL_COLLECT_RETRY_MS = 30_000;
/** Letters that were stored are thrown away together. */
export const MAIL_DONE_GATHER_MS = 300;
/** Letters that were handed on and are not stored yet. */
export const MAIL_OPEN_MAX = 2_000;
/** Of whom no key is known is asked when they were not seen for so long, as letters are written. */
export const MAIL_CARDS_FIRST_MS = 1_500;
/** Of one person again: when an answer was not complete or we attached anew, and when it was. A record is said every 12 h. */
export const MAIL_CARDS_RETRY_MS = 60_000;
export const MAIL_CARDS_AGAIN_MS = 3_600_000;
export const MAIL_CARDS_ASKED_AT_ONCE = 8;
/** Whose keys are remembered: all members of all groups are fewer, most likely. */
export const MAIL_CARDS_PEOPLE_MAX = 1_000;
/** A client may ask so often: all members of two groups at once. */
export const MAIL_CARDS_BURST = 64;
export const MAIL_CARDS_REFILL_MS = 10_000;
/**
 * A device has a new mail key so often: with what lies in mailboxes, somebody who steals its state reads letters of six days.
 * Daily would make it four, and cost each buddy a device list a day and the index half as many records again.
 */
export const MAIL_KEY_ROTATE_MS = 3 * 86_400_000;
/** Private mail keys that were replaced and wait for their end; two, when the login server is there. */
export const MAIL_KEYS_OLD_MAX = 8;
/** Private mail keys that were replaced are kept so long: the life of a letter, and an hour for clocks that differ. */
export const MAIL_KEY_KEPT_MS = 73 * 3_600_000;

// --- who keeps them
/** A letter is kept as long as a person is found in the index (slides, "User Search"). */
export const MAIL_LIFETIME_MS = 72 * 3_600_000;
/** Supernodes that hold a mailbox: with 30 % of all dead at once one mailbox in two million is lost. */
export const MAIL_REPLICAS = 12;
/** So many have it before its sender is told that it is kept; all, where there are fewer. */
export const MAIL_KEPT_AT = 8;
/** Whoever collects asks four more, for two supernodes may not see the same members at once. */
export const MAIL_ASKED = 16;
/** When enough have it, the others have so long to answer; and all in any case. */
export const MAIL_KEPT_GRACE_MS = 1_000;
export const MAIL_PUT_MS = 4_000;
/** Holders that are asked what they hold, or for letters, have so long. */
export const MAIL_LIST_MS = 2_000;
export const MAIL_GET_MS = 1_500;
/** A page for a client: well below what the reliable channel carries as one message. */
export const MAIL_PAGE_LETTERS = 64;
export const MAIL_PAGE_BYTES = 131_072;
/** A mailbox, and what of it one account, or one supernode that took them from clients, may fill. */
export const MAILBOX_LETTERS_MAX = 1_000;
export const MAILBOX_BYTES_MAX = 4_194_304;
export const MAILBOX_FROM_ONE_LETTERS_MAX = 250;
export const MAILBOX_FROM_ONE_BYTES_MAX = 1_048_576;
export const MAILBOX_BY_ONE_LETTERS_MAX = 500;
/** What one account may have lying at one supernode, over all mailboxes: twenty people with two devices, 50 each. */
export const MAIL_OF_ONE_LETTERS_MAX = 2_000;
export const MAIL_OF_ONE_BYTES_MAX = 8_388_608;
/** All letters of one supernode: it is memory. */
export const MAIL_SHELF_BYTES_MAX = 67_108_864;
export const MAIL_SHELF_LETTERS_MAX = 50_000;
/** Words of recipients that are remembered: of one mailbox, and in all. */
export const MAIL_DONE_PER_BOX_MAX = 256;
export const MAIL_DONE_MAX = 50_000;
/** Letters that one word may name, and that one comparison may tell. */
export const MAIL_KEYS_MAX = 1_024;
/** Deposits of an account at its supernode: a full mailbox at once, then one in two seconds. */
export const MAIL_DEPOSIT_BURST = 250;
export const MAIL_DEPOSIT_REFILL_MS = 2_000;
/** Questions of clients that wait for other supernodes. */
export const MAIL_DEPOSITS_MAX = 2_048;
export const MAIL_COLLECTIONS_MAX = 512;
/** A client may collect so often: at each attachment, page by page. */
export const MAIL_COLLECT_BURST = 40;
export const MAIL_COLLECT_REFILL_MS = 10_000;
/** Holders compare when members change, after so long, and otherwise so often with one of the others. */
export const MAIL_SETTLE_MS = 3_000;
export const MAIL_COMPARE_MS = 4 * 3_600_000;
/** Mailboxes that are compared in one step, and the pause between two steps. */
export const MAIL_COMPARE_STEP = 32;
export const MAIL_STEP_MS = 500;
/** A letter that was asked for is not asked for of others for so long. */
export const MAIL_WANTED_MS = 5_000;
/** Letters of one `MailPut` between holders, bytes. */
export const MAIL_PUT_BYTES_MAX = 131_072;
/** Clocks of clients may be ahead or behind by so much (CLOCK_DIFFERENCE_MS_MAX). */
export const MAIL_CLOCK_MS = 3_600_000;

// --- groups
/** People in one group: a line goes to each of them, and eight talk at once in a conference. */
export const GROUP_MEMBERS_MAX = 32;
/** With those who left: they are remembered, or they would be back by an older word. */
export const GROUP_ENTRIES_MAX = 128;
/** Whoever writes is never further ahead of the own clock than this, whatever was heard; readers allow twice as much. */
export const GROUP_AHEAD_MS = 3_600_000;
/** What somebody said who had not heard that they are out counts for the life of a letter, and an hour for clocks. */
export const GROUP_LATE_MS = 73 * 3_600_000;
/** Such lines of one person in one group: what is under way at a time. Who knows that they are out may pretend not to. */
export const GROUP_LATE_LINES_MAX = 32;
/** A letter of a stranger on a group is left so long for another letter to tell of that group: clocks apart, it came before. */
export const GROUP_LETTER_MS = 600_000;
/** The person is told of somebody who is not heard in a group no more often. */
export const GROUP_TOLD_MS = 3_600_000;
/** Groups of one person. */
export const GROUPS_MAX = 200;
