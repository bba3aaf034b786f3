// The invariant: trainings of autoencoders and chains of filled-in images are functions of their configs. Killed while they
// work, stopped and resumed, they leave the bytes of calm runs.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LiveHome, MNIST, startHome } from './live-home.ts';
import { killAll, standOnce, whileWorkersStand } from './process-table.ts';
import { askProgress } from './progress-query.ts';
import { EXAMPLES } from './recorded-codes.ts';
import { halfWritten, manifestOf, tableHashes } from './run-files.ts';
import type { RunningCommand } from './tessera-command.ts';

const dataset = (file: string) => `
  format: idx
  data: ${MNIST}/${file}-images-idx3-ubyte
  rows: [0, 400]
  transform: { scale: 0.00392156862745098, shape: [784] }`;

const VAE = `
kind: metflow
experiment: vae
run: vae
seed: 2
dataset: ${dataset('train')}
test: ${dataset('t10k')}
architecture: { latent: 4, hidden: [16] }
models: [{ type: vae }, { type: metflow, count: 1, hidden: 8 }]
seeds: 1
train: { steps: 300, batch: 20, checkpointEvery: 10 }
evaluate: { images: 10, draws: 200, checkpointEvery: 50 }
samples: 2
`;

const INPAINTING = `
kind: metflow
experiment: inpainting
run: inpainting
seed: 2
encoder: ${EXAMPLES}/metflow/vae-encoder.onnx
decoder: ${EXAMPLES}/metflow/vae-decoder.onnx
images: { data: ${MNIST}/t10k-images-idx3-ubyte, rows: [0] }
seen: [392, 784]
samplers: [{ type: encoder }, { type: metflow, count: 1, hidden: 8 }]
dataset: ${dataset('train')}
train: { steps: 60, batch: 20, checkpointEvery: 10 }
sample: { chains: 2, frames: 12, sweeps: 6 }
`;

let home: LiveHome;

beforeAll(async () => {
  home = await startHome('images', { workers: 0 });
});

afterAll(() => home?.close());

function start(text: string, out: string, ...more: readonly string[]): RunningCommand {
  const config = join(home.folder, `${out}.yaml`);
  writeFileSync(config, text);
  return home.start(['run', config, '--out', join(home.runs, out), '--json', '--processes', '1', ...more]);
}

describe.each([
  ['vae', VAE, 'checkpoints/task-0001.ckpt', { vae_likelihood: 4, vae_samples: 4, training: 600 }],
  ['inpainting', INPAINTING, 'inpainting/part-0001-00000002.parquet', { inpainting: 52, training: 60 }],
] as const)('a run of experiment %s', (name, text, sign, rows) => {
  const folderOf = (out: string) => join(home.runs, out, name);

  it('killed while it works, paused and resumed, has the bytes of a calm run', async () => {
    const calm = await start(text, 'calm').end;
    expect(calm.code, calm.stderr).toBe(0);
    expect(calm.json!.rows).toMatchObject(rows);
    const running = start(text, 'wild');
    const workers = await standOnce(running.pid, () => existsSync(join(folderOf('wild'), sign)));
    expect(manifestOf(folderOf('wild')).status, 'before the kill').toBe('running');
    await killAll(workers);
    const end = await running.end;
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.restarts).toBeGreaterThanOrEqual(1);
    expect(halfWritten(folderOf('wild'))).toEqual([]);
    expect(tableHashes(folderOf('wild'))).toEqual(tableHashes(folderOf('calm')));
  });
});

it('a training pauses within an update, answers, and goes on', async () => {
  const long = VAE.replace('steps: 300', 'steps: 3000').replace('run: vae', 'run: steered');
  const running = start(long, 'steered');
  const place = ['--out', join(home.runs, 'steered')];
  const folder = join(home.runs, 'steered', 'steered');
  await expect.poll(() => existsSync(join(folder, 'checkpoints')), { timeout: 60_000 }).toBe(true);
  const pause = await whileWorkersStand(running.pid, () => home.tessera(['pause', 'steered', ...place]));
  expect(pause.code, pause.stderr).toBe(0);
  await expect.poll(async () => (await askProgress(home, 'steered')).paused, { timeout: 30_000 }).toBe(true);
  expect((await home.tessera(['resume', 'steered', ...place])).code).toBe(0);
  const end = await running.end;
  expect(end.code, end.stderr).toBe(0);
  expect(manifestOf(folder).nets).toHaveLength(4);
});
