// The invariant: what cannot be swept is told when it is planned, before anything is on the log.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sweepConfig } from '#schemas/config.ts';
import { makePlan } from '../../../infra/threads/plan.ts';
import { idxBytes, npyHeader } from '../datasets/data-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODEL = { file: new URL('../../../examples/mnist-mlp/model.onnx', import.meta.url).pathname };

function inputOf(dataset: Record<string, unknown>) {
  const transform = { shape: [784] };
  const config = sweepConfig.parse({ kind: 'sweep', model: MODEL, dataset: { transform, ...dataset } });
  return { runId: 'run', runDir: join(folder, 'runs/run'), config, configSha256: 'f'.repeat(64) };
}

const CONTEXT = { signal: new AbortController().signal, progress: () => {} };

it('a data set without samples is bad data, and no run folder is begun', async () => {
  const data = join(folder, 'none-idx3-ubyte');
  writeFileSync(data, idxBytes({ type: 8, shape: [0, 28, 28], data: new Uint8Array(0) }));
  await expect(makePlan(inputOf({ format: 'idx', data }), CONTEXT)).rejects.toMatchObject({
    fault: { kind: 'data-invalid', where: data, what: 'the data set holds no samples' },
  });
  expect(readdirSync(folder)).toEqual(['none-idx3-ubyte']);
});

it('a row that is not finite is named where it fails the run, and does not where rows are left out', async () => {
  const data = join(folder, 'nan.npy');
  const values = new Float32Array(3 * 784);
  const file = () =>
    writeFileSync(data, Buffer.concat([npyHeader('<f4', [3, 784]), Buffer.from(values.buffer)]));
  values[784 + 5] = Number.NaN;
  file();
  const dataset = { format: 'npy', data, shardRows: 2 };
  const fault = { kind: 'non-finite-input', where: `${data} row 1` };
  await expect(makePlan(inputOf(dataset), CONTEXT)).rejects.toMatchObject({ fault });
  const plan = await makePlan(inputOf({ ...dataset, onError: 'skip' }), CONTEXT);
  expect([plan.samples, plan.shards.length]).toEqual([3, 2]);
  values.fill(Number.NaN);
  file();
  await expect(makePlan(inputOf({ ...dataset, onError: 'skip' }), CONTEXT)).rejects.toMatchObject({
    fault: { ...fault, where: `${data} row 0` },
  });
  // Finite as it lies in the file, but not for the model: its row is named too.
  writeFileSync(
    join(folder, 'bytes'),
    idxBytes({ type: 8, shape: [2, 28, 28], data: new Uint8Array(2 * 784).fill(1, 784) }),
  );
  const huge = { format: 'idx', data: join(folder, 'bytes'), transform: { shape: [784], scale: 1e300 } };
  await expect(makePlan(inputOf(huge), CONTEXT)).rejects.toMatchObject({ fault: { where: 'bytes#1' } });
});

it('data that no model input fits is told at once, also where bad rows are left out', async () => {
  const data = join(folder, 'narrow.npy');
  writeFileSync(data, Buffer.concat([npyHeader('<f4', [2, 3]), Buffer.alloc(24)]));
  const dataset = { format: 'npy', data, onError: 'skip', transform: { shape: [3] } };
  await expect(makePlan(inputOf(dataset), CONTEXT)).rejects.toMatchObject({
    fault: { kind: 'shape-mismatch' },
  });
});
