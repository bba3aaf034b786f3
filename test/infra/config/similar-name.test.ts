import { describe, expect, it } from 'vitest';

import { similarName } from '../../../infra/config/similar-name.ts';

describe('similarName', () => {
  it.each([
    ['contrl', 'control'],
    ['cotnrol', 'control'],
    ['Control', 'control'],
    ['shardrows', 'shardRows'],
    ['fil', 'file'],
  ])('takes %s for %s', (typed, meant) => {
    expect(similarName(typed, ['file', 'control', 'shardRows', 'taps'])).toBe(meant);
  });

  it('guesses nothing where nothing is near', () => {
    expect(similarName('banana', ['file', 'control'])).toBeNull();
    expect(similarName('x', ['seed'])).toBeNull();
  });
});
