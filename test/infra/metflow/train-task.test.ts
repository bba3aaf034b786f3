// The invariant: a training that is stopped anywhere and gone on with leaves the bytes of one that is not, also where it
// ends early by its bound.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { trainedPath } from '../../../activities/metflow/chains/configured-kernels.ts';
import { meanFieldPath } from '../../../activities/metflow/mean-field.ts';
import { initialMomentsOf } from '../../../activities/metflow/path/path-model.ts';
import { findMetflowPlan, type MetflowPlan } from '../../../infra/metflow/metflow-plan.ts';
import { planPath } from '../../../infra/run-plan.ts';
import { namedTarget } from '../../../infra/metflow/named-targets.ts';
import { checkpointPaths } from '../../../infra/metflow/checkpoint-files.ts';
import {
  findTrainedModel,
  findTraining,
  MEAN_FIELD,
  TRAINING,
} from '../../../infra/metflow/trained-model.ts';
import { trainFlowTask } from '../../../infra/threads/metflow-train.ts';
import type { TaskContext } from '../../../infra/threads/task-context.ts';
import { type MetflowConfig, metflowConfig } from '../../../schemas/metflow-config.ts';

const HASH = 'c0ffee';
const CONFIG = metflowConfig.parse({
  kind: 'metflow',
  seed: 3,
  target: { name: 'ring', modes: 2, radius: 2 },
  kernels: [{ type: 'metflow', count: 1, flow: 'affine' }],
  // So long steps that the bound soon goes down.
  train: {
    ...{ steps: 200, batch: 8, learningRate: 0.2, anneal: 0.05, checkpointEvery: 7 },
    ...{ evaluateEvery: 5, evaluateRows: 64, patience: 2 },
  },
});

describe('the training task', () => {
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tessera-train-'));
    await plan(CONFIG);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function plan(config: MetflowConfig): Promise<void> {
    const { name, sha256 } = await namedTarget(config.target, config.seed);
    const planned: MetflowPlan = {
      ...{ runId: 'r', configSha256: HASH, config, dim: 2, target: { name, sha256 } },
      ...{ groups: 1, ends: [1], model: null, data: null, files: [], notices: [] },
    };
    writeFileSync(planPath(folder), JSON.stringify(planned));
  }

  /** Runs the task, stopped by the report of the given number, if any. */
  function train(stopAtReport = Number.POSITIVE_INFINITY) {
    const stopping = new AbortController();
    let reports = 0;
    const context: TaskContext = {
      signal: stopping.signal,
      progress: () => {
        if (++reports >= stopAtReport) stopping.abort();
      },
      fork: () => Promise.reject(new Error('nothing to fork')),
    };
    return trainFlowTask({ runDir: folder, configSha256: HASH }, context);
  }

  const bytes = () => readFileSync(checkpointPaths(folder, TRAINING)[0]);
  const found = async () => (await findTraining(folder, (await findMetflowPlan(folder, HASH))!))!;

  it('ends early with the best parameters, in the same bytes however often it was stopped', async () => {
    const calm = await train();
    expect(calm.done).toBe(true);
    expect(calm.step).toBeLessThan(200);
    const whole = bytes();
    const { state, stop, history } = await found();
    expect(stop.stale).toBe(2);
    expect(stop.bestStep).toBe(state.step - 10);
    const evaluated = history.filter(({ elbo_eval }) => elbo_eval !== null);
    expect(evaluated.map(({ step }) => step + 1)).toEqual(evaluated.map((_, i) => 5 * (i + 1)));
    const plan = (await findMetflowPlan(folder, HASH))!;
    expect((await findTrainedModel(folder, plan))!.theta).toEqual(stop.bestTheta);
    rmSync(join(folder, 'checkpoints'), { recursive: true });
    // Reports are rare: the first one comes with the first update of every try.
    let tries = 0;
    for (let done = false; !done; tries++) ({ done } = await train(tries < 2 ? 1 : undefined));
    expect(tries).toBe(3);
    expect(bytes().equals(whole)).toBe(true);
  });

  it('begins where a pilot ended, also where it was stopped within the pilot', async () => {
    await plan(
      metflowConfig.parse({
        ...CONFIG,
        kernels: [{ type: 'metflow', flow: 'affine', rotation: 'random', reflections: 1 }],
        train: {
          steps: 3,
          batch: 8,
          anneal: 0,
          evaluateRows: 8,
          pilot: { chains: 8, warmup: 30, draws: 20 },
        },
      }),
    );
    // The first report comes with the first sweep of the pilot: nothing is kept of it.
    expect(await train(1)).toMatchObject({ done: false, step: 0 });
    expect(existsSync(checkpointPaths(folder, TRAINING)[0])).toBe(false);
    expect(await train()).toMatchObject({ done: true, step: 3 });
    const stopped = bytes();
    rmSync(join(folder, 'checkpoints'), { recursive: true });
    await train();
    expect(bytes().equals(stopped)).toBe(true);
    // Modes lie at (2, 0) and (-2, 0); three small updates leave the initial law, and the mean-field law, at one of them.
    const planned = (await findMetflowPlan(folder, HASH))!;
    const path = trainedPath(planned.config, 2)!;
    const field = meanFieldPath({ dim: 2, scale: 1 });
    const ends = [
      initialMomentsOf(path, (await found()).state.theta),
      initialMomentsOf(field, (await findTraining(folder, planned, MEAN_FIELD))!.state.theta),
    ];
    for (const { mean } of ends) expect(Math.hypot(Math.abs(mean[0]!) - 2, mean[1]!)).toBeLessThan(1);
  });
});
