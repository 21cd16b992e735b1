/** What a claim "costs little" is held against: time of a processor, which a busy machine does not stretch. */

/** Milliseconds of processor time, user and system, that this process spent in `work`. */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
