import { describe, expect, it } from 'vitest';
import type { RunProgress } from '#schemas/messages.ts';
import { imageLines } from '../../../infra/cli/image-lines.ts';
import { snapshotOf } from '../../../infra/cli/progress.ts';

const PROGRESS: RunProgress = {
  ...{ runId: 'r', phase: 'computing' as const, paused: false, unit: 'steps', samples: 400, points: 400 },
  ...{ doneSamples: 100, restarts: 0, startedAtMs: 0, notices: [] },
};

describe('lines about a run of autoencoders', () => {
  it('give each model over its seeds, with errors where there are several', () => {
    const row = { model: 'vae', seed: null, trainings: 3, bound: -130, bound_se: 1.5 };
    const of = { log_likelihood: -125.25, log_likelihood_se: 0.75, difference: null, difference_se: null };
    const lines = imageLines([
      { ...row, ...of, seed: 1 },
      { ...row, ...of },
      { ...row, ...of, model: 'metflow', log_likelihood_se: null, difference: 2.5, difference_se: 0.5 },
    ]);
    const text = lines.join('\n');
    expect(text).toMatch(/vae +3 +-130.00 ± 1.50 +-125.25 ± 0.75/);
    expect(text).toMatch(/metflow +3 +-130.00 ± 1.50 +-125.25 +2.50 ± 0.50/);
    expect(lines.filter((line) => /^ +vae /.test(line))).toHaveLength(1);
  });

  it('give each sampler and image of in-painting, and say where R-hat is not defined', () => {
    const row = {
      model: 'hmc',
      image: 4,
      lit_r_hat: null,
      lit_ess: 10.6,
      frame_change: 0.25,
      chain_change: 0.5,
    };
    expect(imageLines([row]).join('\n')).toMatch(/hmc +4 +not defined +11 +25.0 % +50.0 %/);
  });

  it('say nothing where there is nothing', () => {
    expect(imageLines([])).toEqual([]);
  });
});

describe('the progress of a run about images', () => {
  it('adds what tasks under way have done since they were begun, and shows the bound of one that trains', () => {
    const beat = (heartbeat: object) => ({
      type: 'runImageTask',
      attempt: 1,
      started: true,
      heartbeat,
      lastFailure: null,
    });
    const pending = [
      beat({ at: 'images', task: 0, units: 70, from: 40, elbo: null }),
      beat({ at: 'images', task: 1, units: 5, from: 0, elbo: -120.5 }),
    ];
    expect(snapshotOf(PROGRESS, { pending, atMs: 0 })).toMatchObject({ doneRows: 135, elbo: -120.5 });
  });
});
