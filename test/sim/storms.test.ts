/**
 * The outages of 2007 and 2010 over our cores (figure N4): 2000 clients at once and 30 % of the supernodes gone; 95 % are
 * online after 20 s, all after a minute, nobody is run over, and nobody who lives is held for dead.
 */
import { describe, expect, test } from 'vitest';
import { playStorm, STORMS } from './storms.ts';

describe.each(STORMS)('the %s', (storm) => {
  test('ends within a minute, and does not feed on itself', () => {
    const { figures } = playStorm(storm, { seed: 3, supernodes: 50, clients: 2_000, progress: () => undefined });
    const value = (name: string): number => figures.find((one) => one.name.startsWith(name))?.value ?? Number.NaN;
    expect(value('95 % of the clients')).toBeLessThanOrEqual(20);
    expect(value('all clients')).toBeLessThanOrEqual(60);
    expect(value('online three minutes later')).toBe(100);
    expect(value('the same against an even pace')).toBeLessThanOrEqual(4);
    expect(value('handshakes begun for each client')).toBeLessThanOrEqual(6);
    expect(value('living supernodes that somebody held for dead')).toBe(0);
  });
});
