import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../temporal.config.ts';
import { SweepState } from '../../workflows/sweep-state.ts';

function planned(shards: number, more: { readonly tapered?: boolean } = { tapered: true }): SweepState {
  const state = new SweepState({ runId: 'r', startedAtMs: 5, carried: undefined });
  state.planned({
    shards,
    samples: shards * 10,
    points: shards * 10,
    partitions: 2,
    notices: [],
    alreadySamples: 0,
    ...more,
  });
  return state;
}

function takeAll(state: SweepState) {
  const tasks = [];
  for (let task = state.take(); task !== null; task = state.take()) tasks.push(task);
  return tasks;
}

describe('SweepState', () => {
  it.each([1, 5, 63, 64, 65, 500, 64 * 64 + 1, 20_000])(
    'cuts %i shards into tasks that cover each shard once',
    (shards) => {
      const tasks = takeAll(planned(shards));
      expect(tasks[0]!.from).toEqual({ shard: 0, batch: 0 });
      expect(tasks.at(-1)!.toShard).toBe(shards);
      tasks.slice(1).forEach((task, i) => {
        expect(task.from.shard).toBe(tasks[i]!.toShard);
      });
      for (const task of tasks) {
        expect(task.toShard - task.from.shard).toBeGreaterThan(0);
        expect(task.toShard - task.from.shard).toBeLessThanOrEqual(1.5 * LIMITS.shardsPerTask);
      }
    },
  );

  it.each([24, 171, 2000])('lets %i shards end in tasks that are no larger than those before', (shards) => {
    const sizes = takeAll(planned(shards)).map((task) => task.toShard - task.from.shard);
    sizes.slice(1).forEach((size, i) => {
      expect(size).toBeLessThanOrEqual(sizes[i]! + 1);
    });
    expect(sizes.at(-1)).toBeLessThanOrEqual(Math.max(1, sizes[0]! / 3));
  });

  it('cuts a plan of release 0.1.0 as that release did', () => {
    const tasks = takeAll(planned(100, {}));
    expect(tasks).toHaveLength(32);
    expect(tasks.slice(0, 3).map(({ toShard }) => toShard)).toEqual([3, 6, 9]);
  });

  it('tells how many shards, or groups of them where there are many, nobody was given yet', () => {
    const few = planned(5);
    few.take();
    expect(few.progress().tasks).toEqual({ name: 'shards', total: 5, waiting: 4 });
    const many = planned(1000);
    const task = many.take()!;
    many.take();
    many.completed(task, { from: { shard: 1, batch: 0 }, samples: 10, skipped: [], attempt: 1 });
    const { name, total, waiting } = many.progress().tasks!;
    expect([name, total - waiting]).toEqual(['shard groups', 1]);
  });

  it('takes a task that was handed back before new ones, at its place', () => {
    const state = planned(1000);
    const task = state.take()!;
    state.completed(task, { from: { shard: 3, batch: 2 }, samples: 32, skipped: [], attempt: 1 });
    expect(state.take()).toEqual({ ...task, from: { shard: 3, batch: 2 } });
    expect(state.progress().doneSamples).toBe(32);
  });

  it('is all encoded only when no task is open', () => {
    const state = planned(2);
    const tasks = takeAll(state);
    state.completed(tasks[0]!, { from: { shard: 1, batch: 0 }, samples: 10, skipped: [], attempt: 3 });
    state.completed(tasks[1]!, { from: { shard: 1, batch: 1 }, samples: 4, skipped: [], attempt: 1 });
    expect(state.allDone).toBe(false);
    expect(state.restarts).toBe(2);
    state.completed(state.take()!, { from: { shard: 2, batch: 0 }, samples: 6, skipped: [], attempt: 1 });
    expect(state.allDone).toBe(true);
  });

  it('encodes lost shards again although a survey had found them', () => {
    const state = planned(4);
    takeAll(state);
    state.reopen([2]);
    expect(state.take()).toEqual({ task: -1, from: { shard: 2, batch: 0 }, toShard: 3, again: true });
  });

  it('carries open work and counts over continue-as-new', () => {
    const state = planned(64_000);
    for (let i = 0; i < LIMITS.tasksPerHistory; i++) {
      const task = state.take()!;
      state.completed(task, { from: { shard: task.toShard, batch: 0 }, samples: 1, skipped: [], attempt: 1 });
    }
    const open = state.take()!;
    state.completed(open, {
      from: { shard: open.from.shard, batch: 1 },
      samples: 7,
      skipped: [{ shard: 1, why: 'bad' }],
      attempt: 2,
    });
    expect(state.historyIsLong).toBe(true);
    const next = new SweepState({
      runId: 'r',
      startedAtMs: 99,
      carried: JSON.parse(JSON.stringify(state.carry())),
    });
    next.planned(state.plan!);
    expect(next.progress()).toMatchObject({
      doneSamples: LIMITS.tasksPerHistory + 7,
      restarts: 1,
      startedAtMs: 5,
    });
    expect(next.skipped).toEqual([{ shard: 1, why: 'bad' }]);
    expect(next.take()).toEqual({ ...open, from: { shard: open.from.shard, batch: 1 } });
    expect(next.take()!.task).toBe(LIMITS.tasksPerHistory + 1);
  });
});
