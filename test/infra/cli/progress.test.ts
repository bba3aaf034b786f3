import { describe, expect, it } from 'vitest';

import type { RunProgress } from '#schemas/messages.ts';
import {
  EMPTY_METER,
  observe,
  type RunSnapshot,
  rowsPerSecond,
  secondsLeft,
  snapshotOf,
} from '../../../infra/cli/progress.ts';

const PROGRESS: RunProgress = {
  runId: 'r',
  phase: 'encoding',
  paused: false,
  unit: 'rows',
  samples: 100,
  points: 400,
  doneSamples: 20,
  restarts: 1,
  startedAtMs: 0,
  notices: [],
};

function meterOver(looks: readonly (readonly [atMs: number, doneRows: number])[]) {
  return looks.reduce(
    (meter, [atMs, doneRows]) => observe(meter, { ...snapshotOf(PROGRESS, { pending: [], atMs }), doneRows }),
    EMPTY_METER,
  );
}

describe('snapshotOf', () => {
  it('adds what running tasks have acknowledged, in rows', () => {
    const pending = [
      {
        type: 'encodeShards',
        attempt: 1,
        started: true,
        lastFailure: null,
        heartbeat: { at: 'encode', shard: 0, batch: 1, samples: 10 },
      },
      {
        type: 'encodeShards',
        attempt: 3,
        started: true,
        lastFailure: null,
        heartbeat: { at: 'encode', shard: 9, batch: 1, samples: 5, waits: true },
      },
      { type: 'encodeShards', attempt: 1, started: false, lastFailure: null, heartbeat: null },
      {
        type: 'aggregateRegions',
        attempt: 1,
        started: true,
        lastFailure: null,
        heartbeat: { at: 'aggregate', partition: 0, offset: '7', messages: 7, lag: 12 },
      },
    ];
    const snapshot = snapshotOf(PROGRESS, { pending, atMs: 5 });
    expect(snapshot).toMatchObject({ rows: 400, doneRows: 140, restarts: 3, atMs: 5 });
    expect(snapshot.aggregating).toEqual({ partitions: 1, messages: 7, lag: 12 });
    expect(snapshot.waiting).toBe(1);
  });

  it('counts tasks that nobody was given, those under way and those that are done', () => {
    const encoder = { type: 'encodeShards', attempt: 1, heartbeat: null, lastFailure: null };
    const pending = [
      { ...encoder, started: true },
      { ...encoder, started: false },
      { ...encoder, type: 'aggregateRegions', started: true },
    ];
    const progress = { ...PROGRESS, tasks: { name: 'shards', total: 18, waiting: 9 } as const };
    expect(snapshotOf(progress, { pending, atMs: 0 }).tasks).toEqual({
      name: 'shards',
      total: 18,
      done: 7,
      underWay: 1,
    });
    expect(snapshotOf(PROGRESS, { pending, atMs: 0 }).tasks).toBeNull();
  });

  it('tells each reason of a retry once', () => {
    const retried = {
      type: 'encodeShards',
      attempt: 2,
      started: true,
      heartbeat: null,
      lastFailure: 'broker gone',
    };
    const { retries } = snapshotOf(PROGRESS, { pending: [retried, retried], atMs: 0 });
    expect(retries).toEqual(['encodeShards is tried again: broker gone']);
  });

  it('never counts more rows than there are', () => {
    const pending = [
      {
        type: 'encodeShards',
        attempt: 1,
        started: true,
        lastFailure: null,
        heartbeat: { at: 'encode', shard: 0, batch: 0, samples: 500 },
      },
    ];
    expect(snapshotOf(PROGRESS, { pending, atMs: 0 }).doneRows).toBe(400);
  });

  it('shows no rows before the plan', () => {
    expect(
      snapshotOf({ ...PROGRESS, samples: 0, points: 0, doneSamples: 0 }, { pending: [], atMs: 0 }),
    ).toMatchObject({ rows: 0, doneRows: 0 });
  });
});

describe('the meter', () => {
  it('takes the rate from the slope of the last seconds, so a resumed run does not count old rows', () => {
    const meter = meterOver([
      [1000, 300],
      [2000, 310],
      [3000, 320],
    ]);
    expect(rowsPerSecond(meter)).toBe(10);
    expect(secondsLeft(meter)).toBe(8);
  });

  it('does not count the time before the first row as speed', () => {
    const meter = meterOver([
      [0, 0],
      [5000, 0],
      [6000, 0],
      [7000, 50],
      [8000, 100],
    ]);
    expect(rowsPerSecond(meter)).toBe(50);
  });

  it('takes no draws of before an extension for speed', () => {
    const planning = { ...(meterOver([[0, 0]]).latest as RunSnapshot), rows: 0 };
    const extended = (atMs: number, doneRows: number) => ({ ...planning, rows: 1000, atMs, doneRows });
    const first = observe(observe(EMPTY_METER, planning), extended(1000, 600));
    expect(rowsPerSecond(first)).toBeNull();
    expect(rowsPerSecond(observe(first, extended(2000, 620)))).toBe(20);
  });

  it('forgets looks older than 15 seconds', () => {
    const meter = meterOver([
      [0, 0],
      [20_000, 200],
      [30_000, 210],
    ]);
    expect(rowsPerSecond(meter)).toBe(1);
  });

  it('never goes back when a task starts over', () => {
    const meter = meterOver([
      [0, 100],
      [1000, 60],
    ]);
    expect(meter.latest?.doneRows).toBe(100);
  });

  it('knows no rate before two looks and no end while nothing moves or the run is paused', () => {
    expect(rowsPerSecond(meterOver([[0, 5]]))).toBeNull();
    const still = meterOver([
      [0, 5],
      [1000, 5],
    ]);
    expect([rowsPerSecond(still), secondsLeft(still)]).toEqual([0, null]);
    const moving = meterOver([
      [0, 5],
      [1000, 15],
    ]);
    const paused: RunSnapshot = { ...(moving.latest as RunSnapshot), paused: true, atMs: 1500 };
    expect(secondsLeft(observe(moving, paused))).toBeNull();
  });
});
