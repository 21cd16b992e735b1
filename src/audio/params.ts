/**
 * The numbers of sound, each with its reason. Everything in `src/audio` that has a size, a time or a bound takes it
 * from here, above 400 lines: a bound that has to be looked for in many places is forgotten. Source of the figures marked M:
 * measured with the real codec and devices on two cores.
 */

// --- samples
/** Opus wideband: 50 to 8000 Hz, the band that the slides give for the classic network. */
export const SAMPLE_RATE_HZ = 16_000;
export const FRAME_MS = 20;
/** Samples of one frame, mono. */
export const FRAME_SAMPLES = (SAMPLE_RATE_HZ * FRAME_MS) / 1000;
export const FRAME_BYTES = FRAME_SAMPLES * 2;
/** Level told for digital silence: below the last bit of 16. */
export const SILENCE_DB = -96;

// --- codec, at the start rung N of the ladder: 57 bytes each 20 ms
/** 57 bytes and a 3-byte header make a voice body of 60, the middle of the 40 to 120 of the slides. */
export const OPUS_FRAME_BYTES = 57;
/** Frames that the encoder is asked for; of any other length the native one ends the process (M). */
export const ENCODED_FRAMES_MS = [20, 40, 60] as const;
/** Below this libopus leaves SILK for frames of two bytes that nobody understands (M: at 5600 bit/s). */
export const OPUS_BITRATE_MIN = 6000;
/** 117 bytes each 20 ms, and a little room. */
export const OPUS_BITRATE_MAX = 64_000;
/** Gives frames of exactly 57 bytes under constant bit rate. */
export const OPUS_BITRATE = (OPUS_FRAME_BYTES * 8 * 1000) / FRAME_MS;
/** 191 to 258 µs a frame; 8 and above cost twice as much for nothing one hears at this rate (M). */
export const OPUS_COMPLEXITY = 5;
/** Where there are bits in plenty: STOI 0.997 instead of 0.999, the same spectral distance, 110 instead of 280 µs (M). */
export const OPUS_COMPLEXITY_RICH = 1;
export const OPUS_RICH_BITRATE = 40_000;
/** Longest Opus frame that a body may announce. */
export const OPUS_FRAME_MS_MAX = 60;
/** Room for one decoded frame of the longest kind. */
export const OPUS_DECODED_SAMPLES_MAX = (SAMPLE_RATE_HZ * OPUS_FRAME_MS_MAX) / 1000;

// --- voice body
export const VOICE_HEADER_BYTES = 3;
/** Size of every body on the normal rung, speech or not. */
export const VOICE_BODY_BYTES = VOICE_HEADER_BYTES + OPUS_FRAME_BYTES;
/** What a body that leaves may have, copies and header included: the slides' 40 to 120 bytes of voice. */
export const VOICE_BODY_SENT_BYTES_MIN = 40;
export const VOICE_BODY_SENT_BYTES_MAX = 120;
/** Newest frame and three copies: two bits of the header. */
export const VOICE_FRAMES_MAX = 4;
/** Furthest apart that two neighbouring frames of a body can be, in frames: two bits of the header. */
export const VOICE_DISTANCE_MAX = 3;
/** Twice the 120 bytes of the slides: later rungs fit, a flood of rubbish does not. */
export const VOICE_BODY_BYTES_MAX = 240;
/** A TOC and one byte; less is a lost frame in disguise. */
export const VOICE_FRAME_BYTES_MIN = 2;
/** Media time counts in these units. */
export const MEDIA_UNIT_MS = 10;

// --- jitter buffer: how much delay
/** Delay before anything is known about the network: between a LAN (20) and what Wi-Fi needs (100). */
export const BUFFER_START_MS = 60;
/** One frame: below it a tick that is a little late already runs dry. */
export const BUFFER_MS_MIN = 20;
/** More delay than this and people talk over one another; later frames are given up. */
export const BUFFER_MS_MAX = 400;
/** Over a TCP stream a lost segment holds up all that follow for a round trip and more: more is worth waiting for. */
export const STREAM_BUFFER_MS_MIN = 60;
export const STREAM_BUFFER_MS_MAX = 600;
/** 1.3 s at 20 ms: a stall of a TCP path may deliver that much at once. */
export const BUFFER_FRAMES_MAX = 64;
/** Window in which the fastest packet is the zero of relative delay. */
export const DELAY_BASE_WINDOW_MS = 2000;
/** NetEQ feeds its histogram with the worst delay of each half second. */
export const DELAY_INTERVAL_MS = 500;
export const DELAY_BUCKET_MS = 2.5;
/** Delays above the largest target count as that. */
export const DELAY_MS_MAX = STREAM_BUFFER_MS_MAX;
/** NetEQ's: share of half seconds whose worst packet shall be in time, and how fast old ones are forgotten (30 s). */
export const DELAY_QUANTILE = 0.95;
export const DELAY_FORGET = 0.983;
/** NetEQ's for each packet: 29 s at 50 a second. */
export const DELAY_FORGET_FRAME = 0.9993;
/** Four seconds: what has just become worse is believed before the long memory does. */
export const DELAY_FORGET_SOON = 0.995;
/** With weight 2 the first interval replaces the guess and the next ones average evenly. */
export const DELAY_START_WEIGHT = 2;
/** Half a second of frames: until then the target is not below the guess. */
export const DELAY_START_FRAMES = 25;
/** NetEQ's rate of exchange: one percent of late frames is as bad as 20 ms more delay. */
export const LATE_PERCENT_COSTS_MS = 20;
/** Up to here no gap is accepted for the sake of a shorter delay. */
export const DELAY_CHEAP_MS = 40;
/** The zero of relative delay rises by 10 ms or more in half a second: another path, not a drift. */
export const DELAY_STEP_BUCKETS = 4;

// --- jitter buffer: holding to it
/**
 * Slack goes by steps of a frame, because the speaker asks for one at a time. On an even network it may be so much
 * shorter than the target before a frame is put in; a step down to less is not made.
 */
export const SLACK_BELOW_MS = 10;
/** A step down must leave that much more, or the next unsteady arrival would take it back. */
export const SLACK_SWING_MS = 3;
/** A step must gain that much, or it would be taken back soon. */
export const DELAY_CHANGE_GAINS_MS = 3;
/** The rest that waits decoded beside slack is let go unless slack is that short. */
export const REST_SLACK_MS_MIN = 12;
/** Changes of delay are at least so far apart, so that the ear gets over each. */
export const STRETCH_GAP_MS = 60;
/** So far over the target nobody waits for a quiet moment, and the gap above does not hold either. */
export const SHRINK_FAST_ABOVE_MS = 60;
/** So far over the target a period is taken out though no two are alike. */
export const SHRINK_ANY_ABOVE_MS = 150;
/** Longer than this over the target: shrink though somebody speaks. */
export const SHRINK_PATIENCE_MS = 2000;
/** What a stall made too long is shortened without such patience, within this time. */
export const TROUBLE_MS = 3000;
/** So far over the target a hole is closed, not filled (NetEQ's). */
export const CLOSE_HOLE_ABOVE_MS = 50;
/** In a gap that is open anyway the delay may grow towards half of the target, for so long at most. */
export const REFILL_MS_MAX = 100;
/** What is invented at once. */
export const CONCEAL_MS = 20;
/** Nothing to play for this long: the stream has paused and is no longer waited for. */
export const STREAM_PAUSE_MS = 1000;
/** A media time further than this from the last one is another stream (or a bad packet). */
export const MEDIA_JUMP_MS_MAX = 2000;
/** A restarted sender is believed when the next packet comes within this distance of the odd one. */
export const MEDIA_RESUME_MS_MAX = 200;
/** Packets all too late, in order and at talking pace, for this long: a restarted sender, not a slow path. */
export const LATE_RUN_MS = 200;
export const LATE_RUN_PACKETS = 10;
/** Frames of which the share that came too late is told: ten seconds. */
export const LATE_WINDOW_FRAMES = 500;

// --- clock of the speaker
/** Its earliest tick in one to two of these (1 s) tells its time. */
export const PLAYOUT_WINDOW_TICKS = 50;
/** A speaker that stood still for longer is believed at once. */
export const PLAYOUT_STOP_MS = 500;

// --- time stretching (NetEQ's numbers, for 16 kHz)
/** Pitch from 2.5 to 15 ms: 400 down to 67 Hz. */
export const PITCH_LAG_MIN = 40;
export const PITCH_LAG_MAX = 240;
/** The period is searched for at 4 kHz, over 12.5 ms of sound. */
export const PITCH_COARSE_STEP = 4;
export const PITCH_WINDOW = 200;
/** Then to the sample, so far around. */
export const PITCH_REFINE = 4;
/** Neighbouring periods must be so alike for a stretch that nobody hears, and for one in haste. */
export const STRETCH_ALIKE = 0.9;
export const STRETCH_ALIKE_FAST = 0.5;
/** From invented to real sound: 5 ms. */
export const MERGE_FADE_SAMPLES = 80;
/** Sound that was played and is kept, for prolonging it: 30 ms. */
export const SOUND_HISTORY_SAMPLES = 480;

// --- concealment
/** libopus fades its own invention out over three frames; after that the room's noise is more honest (M). */
export const CONCEAL_CODEC_MS_MAX = 60;
/** Fade of the first sound after silence: 5 ms, no click. */
export const FADE_SAMPLES = 80;
/** The quietest frame of 4 to 8 s is the room. */
export const NOISE_WINDOW_FRAMES = 200;
/** Overlap of two pieces of it: 5 ms. */
export const NOISE_HOP_SAMPLES = 80;
/** Sound that is no quieter than this under the loudest is not a room, but a tone or music. */
export const NOISE_BELOW_PEAK_DB = 15;
/** Quiet enough to change the delay: absolute, or so far under the loudest of the last seconds. */
export const QUIET_DB = -50;
export const QUIET_BELOW_PEAK_DB = 28;
/** Fall of the tracked peak, dB a frame: 12 dB a second. */
export const PEAK_FALL_DB = 0.24;

// --- pace
/** Frames by which a device may lag or lead the clock before silence is put in or a frame is given up. */
export const PACE_SLACK_FRAMES = 3;
/** Share of the lag or lead that is forgiven each frame (20 s to forget): covers crystals 0.3 % apart. */
export const PACE_FORGIVE = 0.001;
/** A clock this far behind has been asleep: go on from now instead of catching up. */
export const PACE_ASLEEP_MS = 1000;

/** Timers of Node are whole milliseconds, and come as much as this before they are due. */
export const TIMER_EARLY_MS_MAX = 0.75;

// --- reports
/** Port says ten a second at most; five are smooth enough for a meter. */
export const LEVEL_EVERY_MS = 200;
/** Voice is this much louder than the quietest moment of the last 1.5 to 3 s, and not below -52 dBFS: a breath is. */
export const SPEECH_OVER_FLOOR_DB = 10;
export const SPEECH_DB_MIN = -52;
export const SPEECH_WINDOW_MS = 1_500;
/** A key's click lasts less than 40 ms; words have gaps of less than 300 ms between them. */
export const SPEECH_ATTACK_MS = 40;
export const SPEECH_HANG_MS = 300;
/** Echo and noise filters keep back less than a frame. */
export const FILTER_DELAY_MS_MAX = 20;
export const STATS_EVERY_MS = 500;
/** Window of the concealed share. */
export const CONCEALED_WINDOW_FRAMES = 50;

// --- clock of the agent
/** The smallest difference of the two clocks seen during one to two of these is their offset. */
export const CLOCK_WINDOW_MS = 5000;

// --- devices
/** Captured frames waiting to be sent; more is a stall whose backlog nobody wants to hear. */
export const CAPTURE_FRAMES_MAX = 8;
/** A PulseAudio server gathers so much of a microphone: two are a frame, so that a frame waits for nothing but itself. */
export const PULSE_CAPTURE_MS = 10;
/** What its sink is asked to hold of ours; beyond that our queue is as long as we make it. */
export const PULSE_SPEAKER_MS = 10;
/** It asks for more of a stream each time that so much is missing: a sign of life, no need of ours. */
export const PULSE_ASK_MS = 100;
/** Held for a stream at most, either way: more is a stall whose backlog nobody wants to hear. */
export const PULSE_QUEUE_MS_MAX = 1000;
/** What waits for the speaker when a frame is written: a tick that is late by less is not heard. */
export const PULSE_RESERVE_MS = 8;
/** More of that after an underrun, and less after calm. */
export const PULSE_RESERVE_STEP_MS = 4;
/** What waits may be so much longer before pitch periods are left out. */
export const PULSE_TOLERANCE_MS = 6;
/** It is asked for how much waits each 80 ms. */
export const PULSE_LOOK_FRAMES = 4;
/** Unread bytes towards the server above which frames are given up: it hangs. */
export const PULSE_BACKLOG_BYTES_MAX = 64_000;
/** A server that lives answers within milliseconds. */
export const PULSE_ANSWER_MS_MAX = 2000;
/** Lists of devices are some kilobytes for each. */
export const PULSE_PACKET_BYTES_MAX = 4_194_304;
export const PULSE_DEVICES_MAX = 256;
/** A headset that comes is several events of the server; they are looked at together. */
export const DEVICE_EVENTS_GATHER_MS = 50;
/** So long after the server has moved a stream its lists are looked at. */
export const DEVICE_MOVED_MS = 150;
/** The first sound of a device comes within this time, or it counts as open without. */
export const DEVICE_OPEN_MS_MAX = 4000;
/** The speaker's queue is judged by its shortest moment in half a second; of others than PulseAudio's by whole frames. */
export const TRIM_WINDOW_FRAMES = 25;
/** Five seconds without an underrun: one frame less of reserve. */
export const TRIM_CALM_FRAMES = 250;
export const TRIM_RESERVE_MS_MAX = 60;
/** A queue with more than this many frames too much is cut in one go: nobody talks over 200 ms. */
export const TRIM_ALL_ABOVE_FRAMES = 10;
/** So much too much is left out also where no two pitch periods are alike. */
export const TRIM_ANY_ABOVE_MS = 80;
/** The mean of ten seconds tells a drift: a hundred millionths are 6 ms in a minute. */
export const TRIM_DRIFT_FRAMES = 500;
export const TRIM_DRIFT_MS = 5;
/** Underruns of the first second belong to the start of a stream and teach nothing. */
export const TRIM_START_FRAMES = 50;
/** Silence given to the speaker before the first frame, so that it never runs dry at once. */
export const PLAYBACK_PREFILL_FRAMES = 2;
/** The first sound of a slow card took two seconds (M); one that gives none for this long is dead. */
export const DEVICE_SILENT_MS_MAX = 5000;
/**
 * A microphone gives sound each 10 ms, a speaker says each 80 ms how much waits. One that is silent for so many looks is dead, and
 * opened again within 100 ms (M), unless looks come late: then the machine stalls.
 */
export const STREAM_LOOK_MS = 25;
export const STREAM_LATE_LOOK_MS = 25;
export const STREAM_LOOKS_MAX = 6;
/** One whose signs come in bursts may be silent for twice the longest pause of late; that is forgotten in half a minute. */
export const STREAM_PAUSES = 2;
export const STREAM_PAUSE_FORGET = 0.999;
export const STREAM_LOOKS_LIMIT = 40;
/** After a device was lost it is looked for at once, then quietly and ever more rarely: PortAudio blocks meanwhile. */
export const DEVICE_RETRY_MS = [10, 200, 2000, 4000, 8000, 16_000, 30_000] as const;
export const DEVICE_WORKED_MS = 2000;
/** A server that dies takes both sides with it, and a bad cable comes and goes: told once in this time. */
export const DEVICE_LOSS_TOLD_MS = 5000;
/** PortAudio stops within 30 ms with a short period; with a two-second one it took over three (M). */
export const DEVICE_CLOSE_MS_MAX = 1500;
export const DEVICE_NAME_LENGTH_MAX = 256;
/** Of each side; a machine with more is a studio. */
export const DEVICES_LISTED_MAX = 64;

// --- WAV files
export const WAV_CHUNKS_MAX = 64;
/** Everything before the samples must be within this many bytes. */
export const WAV_HEADER_BYTES_MAX = 1_048_576;
export const WAV_RATE_HZ_MIN = 4000;
export const WAV_RATE_HZ_MAX = 192_000;
/** Samples read at once, ms: one small read four times a second. */
export const WAV_READ_MS = 250;
/** Frames gathered before the recording is written: 10 writes would be wasted on each 200 ms otherwise. */
export const WAV_WRITE_FRAMES = 10;
/** The header is made right this often: a killed process leaves a playable file. */
export const WAV_HEADER_EVERY_MS = 1000;
/** Recording that a slow disk has not taken yet; beyond, it is given up and told. */
export const WAV_PENDING_BYTES_MAX = 1_048_576;
/** Of a recording in Ogg: one second a page, 24 kbit/s. */
export const OGG_PACKETS_PER_PAGE = 50;
export const OGG_FRAME_BYTES = 60;
/** 20 s of a recording that the disk has not taken. */
export const RECORDING_PENDING_BYTES_MAX = 65_536;
/** A gap of a sleep is silence in a recording up to 15 s: it comes at once, and must fit what may wait for the disk. */
export const RECORDING_GAP_FRAMES_MAX = 750;
/** RIFF sizes are 32 bits: 37 hours of 16 kHz mono. */
export const WAV_DATA_BYTES_MAX = 0xffff_ffff - 36;

// --- resampler
/** Zero crossings of the sinc on each side: flat to 7 kHz of 8, images 70 dB down. */
export const SINC_CROSSINGS = 16;
/** Points of the window table for each zero crossing; linear interpolation between them. */
export const SINC_STEPS = 512;

// --- the mix of a conference
/** The limiter's gain bends at the edges of pieces of 2 ms. */
export const MIX_LIMIT_PIECE_SAMPLES = 32;
/** After a single peak the gain comes back at 50 dB a second: a cough is over when it is over. */
export const MIX_LIMIT_FAST_DB = 0.1;
/** What several talkers at once take on average comes back at 2.5 dB a second: slower than anybody hears it breathe. */
export const MIX_LIMIT_SLOW_DB = 0.005;
/** That average follows within half a second upwards and two downwards, a piece at a time. */
export const MIX_LIMIT_LEARN = 0.004;
export const MIX_LIMIT_UNLEARN = 0.001;

// --- port
/** Unsent bytes towards a stuck agent above which voice bodies are dropped: 20 s of voice. */
export const PORT_BACKLOG_BYTES_MAX = 65_536;
/** Read at once: half a minute of voice in a call of two, so that one look takes all that waits. */
export const PORT_READ_BYTES = 131_072;
/** So long, and so often, the pipe is watched first: then the shortest trip through it is known. */
export const PORT_WATCHED_MS = 1_000;
export const PORT_WATCHED_FRAMES = 25;

// --- echo, noise, gain
/** Blocks of 40 ms of room that the echo canceller knows: 160 ms, a living room's decay with room for the device. */
export const ECHO_PARTITIONS = 4;
/** How much of the room stays as it was for 20 ms: half of it within 3.5 s. At 0.999 clocks 100 ppm apart cost 5 dB more (M). */
export const ECHO_KALMAN_MEMORY = 0.996;
/** The same reach for speexdsp. */
export const ECHO_TAIL_SAMPLES = ECHO_PARTITIONS * 2 * FRAME_SAMPLES;
/** What the canceller leaves over is pushed down by this much, and less while somebody talks at both ends. */
export const ECHO_SUPPRESS_DB = -40;
export const ECHO_SUPPRESS_TALKING_DB = -15;
/** More takes parts of the speech with it. */
export const NOISE_SUPPRESS_DB = -15;
/** Input gain that a person may set, either way. */
export const INPUT_GAIN_DB_MAX = 20;
/** No sample leaves a gain above this. */
export const LIMIT_DB = -1;
/** Loudness of speech that automatic gain aims at: leaves 20 dB for peaks, as broadcast and telephony do. */
export const GAIN_TARGET_DB = -20;
export const GAIN_DB_MAX = 24;
export const GAIN_DB_MIN = -20;
/** Steps of a frame that is speech: 15 dB a second up, so that 20 dB take two seconds of a talker with pauses; down at once. */
export const GAIN_RISE_DB = 0.3;
export const GAIN_FALL_DB = 1;
/** Frames of speech in the mean: a sentence. */
export const GAIN_MEAN_FRAMES = 100;
/** Speech stands this far out of the quietest frames, and is no quieter than a whisper across a room. */
export const GAIN_SPEECH_ABOVE_DB = 10;
export const GAIN_SPEECH_DB_MIN = -60;
/** A quarter of the time that the quietest frame is remembered: 0.5 s. */
export const GAIN_FLOOR_FRAMES = 25;
/** While the far end speaks, only what is this much louder than it teaches anything: an echo is hardly louder. */
export const GAIN_OVER_FAR_DB = 3;
/** The far end counts for 0.2 s more, ever less: rooms ring, and the delay may not be known yet. */
export const FAR_LEVEL_FALL_DB = 1;
/** A frame of which the filters took more was echo or noise. */
export const GAIN_TAKEN_DB_MAX = 6;
/** Longest way from the speaker's queue to the microphone that is looked for: Bluetooth takes 300 ms. */
export const ECHO_DELAY_MS_MAX = 500;
/** Until the delay is measured, the reference leads the devices' own estimate by this: they estimate too much at times. */
export const ECHO_GUESS_LEAD_MS = 40;
/** The reference leads the measured echo by 10 ms, and is moved when that has become less than 1 or more than 80. */
export const ECHO_LEAD_SAMPLES = 160;
export const ECHO_LEAD_SAMPLES_MIN = 16;
export const ECHO_LEAD_SAMPLES_MAX = 1280;
/** Two measurements within 4 ms are believed. */
export const ECHO_AGREE_SAMPLES = 64;
/** Half a second between measurements until two agree, but not more than ten in a row; then one in ten seconds. */
export const ECHO_TRY_EVERY_FRAMES = 25;
export const ECHO_FIRST_TRIES = 10;
export const ECHO_CHECK_EVERY_FRAMES = 500;

// --- the forwarded endpoint (PROTOCOL.md 10.4)
export const ENDPOINT_VERSION = 1;
/** Twice a round trip of a bad line is above a second; three in a row that fail mean that nobody is there. */
export const ENDPOINT_PING_MS = 1000;
export const ENDPOINT_DEAD_MS = 4000;
/** The far end gives up on one that does not answer `hello`, the near end on one that shows no token. */
export const ENDPOINT_HELLO_MS = 3000;
export const ENDPOINT_STRANGER_MS = 5000;
export const ENDPOINT_STRANGER_BYTES_MAX = 4096;
export const ENDPOINT_STRANGERS_MAX = 8;
/** 32 random bytes, and 16 of the code that is used once, as hex digits. */
export const ENDPOINT_TOKEN_DIGITS = 64;
export const ENDPOINT_CODE_DIGITS = 32;
/** When the far end looks for an endpoint again. */
export const ENDPOINT_RETRY_MS = [0, 200, 500, 1000, 2000] as const;
/** More than this waiting in the socket is a second of voice that nobody wants any more. */
export const ENDPOINT_BACKLOG_BYTES_MAX = 8192;
/** Minutes of words: an end that asks and does not read what is answered is left. */
export const ENDPOINT_WORDS_BYTES_MAX = 262_144;
/** Words of an endpoint are short; names of devices are the longest part. */
export const ENDPOINT_TEXT_LENGTH_MAX = 400;
/** Records in the profile: sessions at once, and those that died without a word. */
export const ENDPOINTS_MAX = 16;
/** What the laptop hears and says while HOST decodes: 80 bytes of body, 31 kbit/s, so that two passes of Opus cost little. */
export const ENDPOINT_FRAME_BYTES = 77;
/** A voice process of the near end that dies more often than this in a minute is not started again. */
export const ENDPOINT_RESTARTS_MAX = 5;
export const ENDPOINT_RESTARTS_WITHIN_MS = 60_000;
/** A socket that does not take the last words within this time is not waited for. */
export const ENDPOINT_FAREWELL_MS = 500;

// --- voice bodies that wait to go on (`body-queue.ts`)
/** As far behind as the agent lets a body be before it fills the slot. */
export const BODY_LATE_MS = 10;
/** A stall up to this long is delay, a longer one is lost: nobody talks over more. */
export const BODY_WAIT_MS_MAX = 400;
export const BODY_WAITING_MAX = 64;
/** A frame left out is 20 ms; the next one not before. */
export const BODY_LEAVE_OUT_GAP_MS = 60;
/** So far over the target for so long, nobody waits for silence, and leaves out a frame each fifth of a second. */
export const BODY_HASTE_ABOVE_MS = 60;
export const BODY_PATIENCE_MS = 2000;
export const BODY_HASTE_GAP_MS = 200;
