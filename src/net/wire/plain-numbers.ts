/**
 * Makes protobufjs hand out 64-bit fields as plain numbers, which the generated types promise. Left alone it finds
 * the package `long`, its own dependency, and gives objects. Our fields are times in ms, far below 2^53; what is
 * larger comes as the nearest number. It must be imported before the generated code, which settles its defaults
 * while it loads; `messages.ts` does so.
 */
import protobuf from 'protobufjs/minimal.js';

const settings: { Long: unknown } = protobuf.util;
settings.Long = null;
protobuf.configure();
