/** The cache of compiled code for a program that is started by itself, the agent: `node --require dist/keep.cjs dist/agent.cjs`. */
import { keepCompiledCode } from './code-cache.ts';

/** What the build wants of V8 for each program. */
declare const __WREN_V8_FLAGS__: Readonly<Record<string, readonly string[]>>;

keepCompiledCode(__dirname, __WREN_V8_FLAGS__);
