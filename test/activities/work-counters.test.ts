// The invariant: over all attempts of a task, what is counted adds up to what was done.

import { expect, test } from 'vitest';
import { showCounters, workCounter } from '../../activities/work-counters.ts';

/** A meter that keeps the sums by name. */
function meter() {
  const sums = new Map<string, number>();
  const counted = (name: string) => ({
    add: (more: number) => sums.set(name, (sums.get(name) ?? 0) + more),
  });
  return { sums, meter: { createCounter: counted } as never };
}

test('counts what each report has more than the one before', () => {
  const { sums, meter: own } = meter();
  const count = workCounter(own, undefined);
  for (const samples of [10, 30, 30, 70]) count({ at: 'encode', shard: 0, batch: 0, samples });
  expect([...sums]).toEqual([['tessera_samples_encoded', 70]]);
});

test('all counters stand at 0 before any work', () => {
  const { sums, meter: own } = meter();
  showCounters(own);
  expect(sums.size).toBe(6);
  expect(new Set(sums.values())).toEqual(new Set([0]));
  expect([...sums.keys()]).toContain('tessera_messages_aggregated');
});

test('goes on from what an earlier attempt had reported', () => {
  const { sums, meter: own } = meter();
  const count = workCounter(own, { at: 'encode', shard: 0, batch: 4, samples: 30 });
  count({ at: 'encode', shard: 0, batch: 9, samples: 75 });
  expect(sums.get('tessera_samples_encoded')).toBe(45);
});

test('counts the sweeps of a segment, not those of the segments before it', () => {
  const { sums, meter: own } = meter();
  const count = workCounter(own, undefined);
  for (const drawn of [200, 250, 400]) count({ at: 'segment', group: 0, drawn });
  expect(sums.get('tessera_sweeps_sampled')).toBe(200);
});

test('leaves notes and unknown reports alone', () => {
  const { sums, meter: own } = meter();
  const count = workCounter(own, 'hashing');
  for (const report of ['hashing', null, { at: 'elsewhere', samples: 3 }, { note: 'x' }]) count(report);
  expect(sums.size).toBe(0);
});
