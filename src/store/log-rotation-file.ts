/**
 * Where the agent's log is and how it stays bounded. Apart from `log-file.ts`, because a command that starts an agent
 * needs only this much of it, and every command pays for what it loads.
 */
import { renameSync, statSync } from 'node:fs';
import { LOG_FILE_BYTES_MAX } from '../net/protocol/params.ts';

export const LOG_FILE = 'agent.log';
const OLD_SUFFIX = '.old';

/** A log of LOG_FILE_BYTES_MAX or more becomes `<path>.old`, in place of the one before. Never throws. */
export function rotateLog(path: string): void {
  try {
    if (logBytes(path) >= LOG_FILE_BYTES_MAX) renameSync(path, path + OLD_SUFFIX);
  } catch {
    // Another process was quicker, or the folder cannot be written: the log goes on as it is.
  }
}

/** 0 when there is none. */
export function logBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
