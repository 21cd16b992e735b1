/**
 * The straight line through a few points by least squares, and how sure its rise is. Both halves of congestion control
 * ask: the listener for the delays of packets, the sender for the queues of reports. Pure.
 */

/**
 * Slope of y over x through `count` points; of a rise only what is above so many standard errors of it: the more the
 * points scatter, the steeper it must be. 0 when there are fewer than three.
 */
export function surelyRising(
  count: number,
  x: (index: number) => number,
  y: (index: number) => number,
  errors: number,
): number {
  if (count < 3) return 0;
  let [meanX, meanY] = [0, 0];
  for (let index = 0; index < count; index++) {
    meanX += x(index) / count;
    meanY += y(index) / count;
  }
  let [sumXy, sumXx, sumYy] = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    const [dx, dy] = [x(index) - meanX, y(index) - meanY];
    sumXy += dx * dy;
    sumXx += dx * dx;
    sumYy += dy * dy;
  }
  if (sumXx === 0) return 0;
  const slope = sumXy / sumXx;
  if (slope <= 0) return slope;
  const unexplained = Math.max(0, sumYy - slope * sumXy) / (count - 2);
  return Math.max(0, slope - errors * Math.sqrt(unexplained / sumXx));
}
