// The invariant: a training that release 0.1.0 began, in other units and with another fading, ends where that release ended
// it. Its own checkpoints are the oracle (test/golden/release-0.1.0).

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trainedPath } from '../../../activities/metflow/chains/configured-kernels.ts';
import { trainingOf } from '../../../activities/metflow/chains/training-record.ts';
import { decodeCheckpoint } from '../../../activities/metflow/checkpoint.ts';
import { initialMomentsOf } from '../../../activities/metflow/path/path-model.ts';
import { checkpointPaths, sha256Of } from '../../../infra/metflow/checkpoint-files.ts';
import { findMetflowPlan } from '../../../infra/metflow/metflow-plan.ts';
import { findTrainedModel, MEAN_FIELD, TRAINING } from '../../../infra/metflow/trained-model.ts';
import { trainFlowTask } from '../../../infra/threads/metflow-train.ts';

const RECORDED = fileURLToPath(new URL('../../golden/release-0.1.0', import.meta.url));
const HASH = 'c11b2696ff02796dc4fb5778a78ceb6a336ad643ff3dd6bf9678b6520019682a';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-older-'));
  cpSync(join(RECORDED, 'begun'), folder, { recursive: true });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (where: string) => decodeCheckpoint(readFileSync(where), { where, sha256: sha256Of });

it('a training begun by release 0.1.0 ends as that release ends it', async () => {
  const context = { signal: new AbortController().signal, progress: () => undefined };
  const { done, step } = await trainFlowTask({ runDir: folder, configSha256: HASH }, context);
  expect({ done, step }).toEqual({ done: true, step: 200 });
  const whole = read(join(RECORDED, 'ended.ckpt'));
  const ended = read(checkpointPaths(folder, TRAINING)[0]);
  expect([ended.format, read(checkpointPaths(folder, MEAN_FIELD)[0]).format]).toEqual([1, 1]);
  const [theta, expected] = [ended, whole].map((each) => trainingOf(each).state.theta);
  // Equal bytes where both were computed; another processor rounds otherwise.
  for (const [i, value] of expected!.entries()) expect(theta![i]).toBeCloseTo(value, 6);
  const plan = (await findMetflowPlan(folder, HASH))!;
  const model = (await findTrainedModel(folder, plan))!;
  expect(model.units).toBe('target');
  // The law that chains start from: theta holds its mean and log(exp(scale) - 1) in the target's own units.
  const path = trainedPath(plan.config, plan.dim, { units: model.units })!;
  const { mean, scale } = initialMomentsOf(path, model.theta);
  expect([...mean]).toEqual([expected![0], expected![1]].map((value) => expect.closeTo(value!, 6)));
  const scales = [expected![2], expected![3]].map((value) => Math.log(1 + Math.exp(value!)));
  expect([...scale]).toEqual(scales.map((value) => expect.closeTo(value, 6)));
});
