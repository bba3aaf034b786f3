// The invariant: over all attempts of a task, what is counted adds up to what was done.

import { expect, test } from 'vitest';
import { openCounters, workCounter } from '../../activities/work-counters.ts';

/** Opens the counters of a meter that keeps the sums by name. */
function opened() {
  const sums = new Map<string, number>();
  const counted = (name: string) => ({
    add: (more: number) => sums.set(name, (sums.get(name) ?? 0) + more),
  });
  openCounters({ createCounter: counted } as never);
  return sums;
}

test('counts what each report has more than the one before', () => {
  const sums = opened();
  const count = workCounter(undefined);
  for (const samples of [10, 30, 30, 70]) count({ at: 'encode', shard: 0, batch: 0, samples });
  expect([...sums].filter(([, sum]) => sum > 0)).toEqual([['tessera_samples_encoded', 70]]);
});

test('all counters stand at 0 before any work', () => {
  const sums = opened();
  expect(sums.size).toBe(6);
  expect(new Set(sums.values())).toEqual(new Set([0]));
  expect([...sums.keys()]).toContain('tessera_messages_aggregated');
});

test('goes on from what an earlier attempt had reported', () => {
  const sums = opened();
  const count = workCounter({ at: 'encode', shard: 0, batch: 4, samples: 30 });
  count({ at: 'encode', shard: 0, batch: 9, samples: 75 });
  expect(sums.get('tessera_samples_encoded')).toBe(45);
});

test('counts the sweeps of a segment, not those of the segments before it', () => {
  const sums = opened();
  const count = workCounter(undefined);
  for (const drawn of [200, 250, 400]) count({ at: 'segment', group: 0, drawn });
  expect(sums.get('tessera_sweeps_sampled')).toBe(200);
});

test('leaves notes and unknown reports alone', () => {
  const sums = opened();
  const count = workCounter('hashing');
  for (const report of ['hashing', null, { at: 'elsewhere', samples: 3 }, { note: 'x' }]) count(report);
  expect(new Set(sums.values())).toEqual(new Set([0]));
});
