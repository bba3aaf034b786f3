// The invariant: what cannot be swept is told when it is planned, before anything is on the log.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sweepConfig } from '#schemas/config.ts';
import { planTask } from '../../../infra/threads/plan.ts';
import { idxBytes } from '../datasets/data-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a data set without samples is bad data, and no run folder is begun', async () => {
  const data = join(folder, 'none-idx3-ubyte');
  writeFileSync(data, idxBytes({ type: 8, shape: [0, 28, 28], data: new Uint8Array(0) }));
  const model = { file: new URL('../../../examples/mnist-mlp/model.onnx', import.meta.url).pathname };
  const dataset = { format: 'idx', data, transform: { shape: [784] } };
  const config = sweepConfig.parse({ kind: 'sweep', model, dataset });
  const runDir = join(folder, 'runs/none');
  const input = { runId: 'none', runDir, config, configSha256: 'f'.repeat(64) };
  const context = {
    signal: new AbortController().signal,
    progress: () => {},
    fork: () => Promise.reject(new Error('nothing to share')),
  };
  await expect(planTask(input as never, context as never)).rejects.toMatchObject({
    fault: { kind: 'data-invalid', where: data, what: 'the data set holds no samples' },
  });
  expect(readdirSync(folder)).toEqual(['none-idx3-ubyte']);
});
