import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../temporal.config.ts';
import { LensState } from '../../workflows/lens-state.ts';

function planned(tasks: number, { alreadyUnits = 0 } = {}): LensState {
  const state = new LensState({ runId: 'r', startedAtMs: 5, carried: undefined });
  state.planned({ tasks, units: tasks * 10, unit: 'pairs', partitions: 2, notices: ['n'], alreadyUnits });
  return state;
}

function takeAll(state: LensState): number[] {
  const tasks: number[] = [];
  for (let work = state.take(); work !== null; work = state.take()) tasks.push(work.task);
  return tasks;
}

const DONE = { done: true, units: 10, sent: 3, attempt: 1 };

describe('LensState', () => {
  it('takes every task once, in plan order', () => {
    expect(takeAll(planned(5))).toEqual([0, 1, 2, 3, 4]);
  });

  it('has nothing to do for a plan without tasks', () => {
    expect(planned(0).take()).toBeNull();
    expect(planned(0).allDone).toBe(true);
  });

  it('takes a stopped task again before new ones, with what the broker has of it', () => {
    const state = planned(5);
    const work = state.take()!;
    state.completed(work, { done: false, units: 0, sent: 7, attempt: 2 });
    expect(state.take()).toEqual({ task: 0, sent: 7 });
    expect(state.take()).toEqual({ task: 1, sent: 0 });
    expect(state.restarts).toBe(1);
    expect(state.progress().doneSamples).toBe(0);
  });

  it('counts units of finished tasks in the unit of the plan', () => {
    const state = planned(2);
    state.completed(state.take()!, DONE);
    expect(state.progress()).toEqual({
      runId: 'r',
      phase: 'computing',
      paused: false,
      unit: 'pairs',
      samples: 20,
      points: 20,
      doneSamples: 10,
      restarts: 0,
      startedAtMs: 5,
      notices: ['n'],
      tasks: { name: 'tasks', total: 2, waiting: 1 },
    });
    expect(state.allDone).toBe(false);
    state.completed(state.take()!, DONE);
    expect(state.allDone).toBe(true);
  });

  it('does not count again what an earlier execution delivered, nor what was lost and measured twice', () => {
    const state = planned(2, { alreadyUnits: 10 });
    state.completed(state.take()!, { ...DONE, units: 0 });
    state.completed(state.take()!, DONE);
    expect(state.progress().doneSamples).toBe(20);
    state.reopen([1]);
    expect(state.allDone).toBe(false);
    const lost = state.take()!;
    expect(lost).toEqual({ task: 1, sent: 0, again: true });
    state.completed(lost, DONE);
    expect(state.progress().doneSamples).toBe(20);
  });

  it('carries open work and counts over continue-as-new', () => {
    const state = planned(LIMITS.tasksPerHistory + 5);
    for (let i = 0; i < LIMITS.tasksPerHistory; i++) {
      expect(state.historyIsLong).toBe(false);
      state.completed(state.take()!, DONE);
    }
    expect(state.historyIsLong).toBe(true);
    state.completed(state.take()!, { done: false, units: 0, sent: 4, attempt: 2 });
    state.pause();
    const next = new LensState({
      runId: 'r',
      startedAtMs: 99,
      carried: JSON.parse(JSON.stringify(state.carry())),
    });
    next.planned(state.plan!);
    expect(next.paused).toBe(true);
    expect(next.historyIsLong).toBe(false);
    expect(next.progress()).toMatchObject({
      doneSamples: LIMITS.tasksPerHistory * 10,
      restarts: 1,
      startedAtMs: 5,
    });
    expect(next.take()).toEqual({ task: LIMITS.tasksPerHistory, sent: 4 });
    expect(next.take()).toEqual({ task: LIMITS.tasksPerHistory + 1, sent: 0 });
  });

  it('stops the window under way when paused', () => {
    const state = planned(3);
    let stopped = 0;
    state.onPause = () => stopped++;
    state.pause();
    expect([state.paused, stopped]).toEqual([true, 1]);
    state.resume();
    expect(state.paused).toBe(false);
  });
});
