import { describe, expect, it } from 'vitest';
import type { MetflowPlanOutput } from '#schemas/tasks.ts';
import { mergedRates, MetflowState } from '../../workflows/metflow-state.ts';

const PLAN: MetflowPlanOutput = {
  groups: 2,
  chains: [3, 2],
  draws: 100,
  drawn: [0, 0],
  partitions: 2,
  notices: ['n'],
  training: { steps: 50, trained: 0, ended: false },
};

function planned(change: Partial<MetflowPlanOutput> = {}): MetflowState {
  const state = new MetflowState({ runId: 'r', startedAtMs: 5 });
  state.planned({ ...PLAN, ...change });
  return state;
}

function report(group: number, drawn: number, restarts = 0) {
  return { group, drawn, restarts, kernels: [], notices: [] };
}

describe('MetflowState', () => {
  it('trains until the training says that it has ended, and not at all where nothing is trained', () => {
    const state = planned();
    expect(state.trains).toBe(true);
    state.trained({ done: false, step: 20, attempt: 2, notices: [] });
    expect(state.trains).toBe(true);
    // Early, by its bound.
    state.trained({ done: true, step: 30, attempt: 1, notices: [] });
    expect(state.trains).toBe(false);
    expect(state.restarts).toBe(1);
    expect(planned({ training: null }).trains).toBe(false);
    expect(planned({ training: { steps: 50, trained: 30, ended: true } }).trains).toBe(false);
  });

  it('counts updates while it trains and draws of all chains while it samples', () => {
    const state = planned({ drawn: [10, 0] });
    state.phase = 'training';
    state.trained({ done: false, step: 20, attempt: 1, notices: [] });
    expect(state.progress()).toMatchObject({ unit: 'updates', samples: 50, doneSamples: 20 });
    state.phase = 'sampling';
    expect(state.progress()).toMatchObject({ unit: 'draws', samples: 500, doneSamples: 30 });
    state.reported(report(1, 40));
    expect(state.progress()).toMatchObject({ samples: 500, doneSamples: 110, notices: ['n'] });
  });

  it('lets no report that was overtaken take draws back', () => {
    const state = planned();
    state.reported(report(0, 40));
    state.reported(report(0, 20));
    state.phase = 'sampling';
    expect(state.progress().doneSamples).toBe(120);
  });

  it('keeps restarts of groups when it is planned again', () => {
    const state = planned({ training: null });
    state.reported(report(0, 40, 2));
    state.reported(report(1, 40, 1));
    state.planned({ ...PLAN, drawn: [40, 40] });
    expect(state.restarts).toBe(3);
    state.reported(report(0, 60, 4));
    expect(state.restarts).toBe(7);
  });

  it('adds up extensions and takes each in once', () => {
    const state = planned();
    state.extend(30);
    state.extend(20);
    expect(state.takeDraws(100)).toBe(150);
    expect(state.takeDraws(150)).toBe(150);
    for (const senseless of [0, -5, 1.5, Number.NaN]) state.extend(senseless);
    expect(state.extraDraws).toBe(0);
  });

  it('wants a look when every group has half as many draws more, one at a time', () => {
    const state = planned();
    state.reported(report(0, 100));
    expect(state.wantsLook()).toBe(false);
    state.reported(report(1, 20));
    expect(state.wantsLook()).toBe(true);
    expect(state.wantsLook()).toBe(false);
    state.looked({ draws: 20, rHat: 1.2, essBulk: 9, essTail: null });
    state.lookEnded();
    expect(state.wantsLook()).toBe(false);
    state.reported(report(1, 29));
    expect(state.wantsLook()).toBe(false);
    state.reported(report(1, 30));
    expect(state.wantsLook()).toBe(true);
  });

  it('tells acceptance over all groups, weighted by steps, and the last look', () => {
    const state = planned();
    state.reported({ ...report(0, 40), kernels: [{ kernel: 'hmc', steps: 120, acceptance: 0.9 }] });
    expect(state.progress().chains).toMatchObject({ rHat: null, lookedAt: 0 });
    state.reported({ ...report(1, 20), kernels: [{ kernel: 'hmc', steps: 40, acceptance: 0.5 }] });
    state.looked({ draws: 20, rHat: 1.2, essBulk: 9, essTail: 7 });
    expect(state.progress().chains).toEqual({
      kernels: [{ kernel: 'hmc', steps: 160, acceptance: 0.8 }],
      rHat: 1.2,
      essBulk: 9,
      essTail: 7,
      lookedAt: 20,
    });
    expect(mergedRates([])).toEqual([]);
  });
});
