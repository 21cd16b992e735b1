import { describe, expect, it } from 'vitest';
import { filterFound, openFilter } from '../../src/audio/filter-choice.ts';
import { hasSpeexDsp } from '../../src/audio/filter-speex.ts';

const BOTH = { echo: true, noise: true };
const NOWHERE = '/nowhere/libspeexdsp.so.1';

function kindOf(env: { [name: string]: string }): string {
  const filter = openFilter(BOTH, env);
  filter?.close();
  expect(filterFound(env)).toBe(filter?.kind ?? 'none');
  return filter?.kind ?? 'none';
}

describe('the choice of a filter', () => {
  it('takes speexdsp where it is', () => {
    if (!hasSpeexDsp()) console.log('SKIPPED speexdsp: koffi or libspeexdsp1 is not installed');
    expect(kindOf({})).toBe(hasSpeexDsp() ? 'speex' : 'own');
  });

  it('takes our own without a word where the library is missing or is no library', () => {
    expect(kindOf({ WREN_SPEEXDSP: NOWHERE })).toBe('own');
    expect(kindOf({ WREN_SPEEXDSP: import.meta.filename })).toBe('own');
    expect(kindOf({ WREN_AUDIO_FILTER: 'speex', WREN_SPEEXDSP: NOWHERE })).toBe('own');
  });

  it('obeys WREN_AUDIO_FILTER', () => {
    expect(kindOf({ WREN_AUDIO_FILTER: 'own' })).toBe('own');
    expect(kindOf({ WREN_AUDIO_FILTER: 'none' })).toBe('none');
  });
});
