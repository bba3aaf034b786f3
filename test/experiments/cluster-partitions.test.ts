// What one neuron answers to, told apart: two groups of points on one axis, of which the neuron alone knows nothing.

import { expect, it } from 'vitest';
import { clusterWithinNeuron, neuronParts } from '../../activities/experiments/cluster-partitions.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

const random = randomStream(4);
/** 30 points at (5, 4), 30 at (5, -4), 900 at (0, 0), two in turn. */
const PLACES = Array.from({ length: 960 }, (_, i) => (i < 60 ? [5, i % 2 === 0 ? 4 : -4] : [0, 0]));
const principal = {
  values: Float32Array.from(
    PLACES.flatMap(([x, y]) => [x! + 0.1 * random.normal(), y! + 0.1 * random.normal()]),
  ),
  rows: 960,
  cols: 2,
};
const along = Float64Array.from({ length: 960 }, (_, row) => principal.values[2 * row]!);
const even = Int32Array.from({ length: 10 }, (_, i) => 2 * i);

it('finds the group that a cluster is part of, though it makes up a small part of what the neuron answers to', () => {
  const top = { ...principal, rows: 60, values: principal.values.slice(0, 120) };
  const found = clusterWithinNeuron(even, neuronParts(along.slice(0, 60), { principal: top, seed: 1 }));
  expect(found.length).toBe(10);
  expect([...found].every((row) => row % 2 === 0 && row < 60)).toBe(true);
});

it('looks at the top 500 points of the neuron only', () => {
  const far = Int32Array.from({ length: 960 }, (_, row) => row).sort((a, b) => along[b]! - along[a]!);
  const found = clusterWithinNeuron(even, neuronParts(along, { principal, seed: 1 }));
  const top = new Set(far.slice(0, 500));
  expect([...found].every((row) => top.has(row))).toBe(true);
  expect(found.length).toBe(10);
});
