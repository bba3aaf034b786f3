import { describe, expect, it } from 'vitest';
import { ImageState } from '../../workflows/image-state.ts';

function planned(): ImageState {
  const state = new ImageState({ runId: 'r', startedAtMs: 5 });
  const tasks = [
    { units: 100, done: 0 },
    { units: 50, done: 50 },
    { units: 100, done: 30 },
  ];
  state.planned({ tasks, unit: 'steps', notices: ['n'] });
  return state;
}

describe('ImageState', () => {
  it('goes on with what a plan found, and takes a task as ended only when it says so', () => {
    const state = planned();
    expect(state.tasks.filter((task) => !state.hasEnded(task))).toEqual([0, 2]);
    state.worked(0, { done: false, units: 60, notices: [], attempt: 1 });
    expect(state.hasEnded(0)).toBe(false);
    state.worked(0, { done: true, units: 100, notices: ['damaged'], attempt: 3 });
    expect(state.hasEnded(0)).toBe(true);
    expect(state.restarts).toBe(2);
    expect(state.notices).toEqual(['n', 'damaged']);
  });

  it('counts units over all tasks', () => {
    const state = planned();
    expect(state.progress()).toMatchObject({ unit: 'steps', samples: 250, doneSamples: 80, restarts: 0 });
    state.worked(2, { done: false, units: 45, notices: [], attempt: 1 });
    expect(state.progress()).toMatchObject({ doneSamples: 95, phase: 'planning', paused: false });
    expect(new ImageState({ runId: 'r', startedAtMs: 5 }).progress()).toMatchObject({ samples: 0 });
  });
});
