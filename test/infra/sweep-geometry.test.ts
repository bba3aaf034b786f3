import { expect, it } from 'vitest';
import { sweepConfig } from '#schemas/config.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import { countPoints, gridsOf, spansOf } from '../../infra/sweep-geometry.ts';

const CONFIG = sweepConfig.parse({
  kind: 'sweep',
  model: { file: 'm.onnx' },
  dataset: { format: 'npy', data: 'd.npy' },
});

it('points are counted up to the last number that a point_id can have, and no further', () => {
  const shards = (last: number) => [
    { firstPoint: 100, points: 20 },
    { firstPoint: 120, points: last - 119 },
  ];
  expect(countPoints([])).toBe(0);
  expect(countPoints(shards(2 ** 31 - 1))).toBe(2 ** 31 - 100);
  expect(() => countPoints(shards(2 ** 31))).toThrow(
    expect.objectContaining({ fault: expect.objectContaining({ kind: 'config-invalid' }) }),
  );
});

it('a tap that is called network is not mixed up with the code of all taps', () => {
  const taps = ['fc1', 'network'].map((name) => ({ name, codeBits: 8, height: 1, width: 1 }) as TapInfo);
  const spans = (of: readonly TapInfo[], wanted: ('layer' | 'network')[]) => {
    const config = { ...CONFIG, codes: { ...CONFIG.codes, spans: wanted } };
    return spansOf(of, gridsOf(of, config), config).map(({ name }) => name);
  };
  expect(() => spans(taps, ['layer', 'network'])).toThrow(/codes\.spans.*called network/);
  expect(spans(taps, ['layer'])).toEqual(['fc1', 'network']);
  expect(spans(taps.slice(0, 1), ['layer', 'network'])).toEqual(['fc1', 'network']);
});
