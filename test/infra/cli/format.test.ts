import { describe, expect, it } from 'vitest';

import { formatBytes, formatCount, formatSeconds, formatTable } from '../../../infra/cli/format.ts';

describe('numbers for people', () => {
  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [59.4, '59 s'],
    [59.6, '1 min 00 s'],
    [125, '2 min 05 s'],
    [7265, '2 h 01 min'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it.each([
    [16, '16 B'],
    [1500, '1.5 kB'],
    [2_500_000, '2.5 MB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('groups digits', () => {
    expect(formatCount(1234567.8)).toBe('1,234,568');
  });
});

describe('formatTable', () => {
  it('aligns columns to their widest cell', () => {
    expect(
      formatTable(
        [{ title: 'a' }, { title: 'rows', align: 'right' }],
        [
          ['x', '1'],
          ['long', '12345'],
        ],
      ),
    ).toEqual(['a      rows', 'x         1', 'long  12345']);
  });
});
