// The invariant: tasks about images that are stopped anywhere and gone on with leave the bytes of ones that are not, and a
// run whose files have changed is refused.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImagesConfig } from '#schemas/metflow-images.ts';
import { inpaintingConfig, vaeConfig } from '#schemas/metflow-images.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { readDenseNet } from '../../../infra/metflow/dense-file.ts';
import { denseModel, readVaeNets } from '../../../infra/metflow/vae-nets.ts';
import { commitImagesTask } from '../../../infra/threads/images-commit.ts';
import { planImagesTask } from '../../../infra/threads/images-plan.ts';
import { imageTask } from '../../../infra/threads/images-task.ts';
import { tableHashes } from '../../live/run-files.ts';
import { parquetRows } from '../../live/table-rows.ts';
import { idxBytes, write } from '../datasets/data-files.ts';

const SIDE = 4;
const PIXELS = SIDE * SIDE;
const HASH = 'c0ffee';
const TRANSFORM = { scale: 1 / 255, shape: [PIXELS] };

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-images-'));
  writeBars('bars');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Bars, upright or level, some grey. */
function writeBars(name: string, seed = 7): string {
  const random = randomStream(seed);
  const rows = 40;
  const bytes = Uint8Array.from({ length: rows * PIXELS }, (_, at) => {
    const [row, pixel] = [Math.floor(at / PIXELS), at % PIXELS];
    const line = row % 2 === 0 ? pixel % SIDE : Math.floor(pixel / SIDE);
    return line === (row >> 1) % SIDE ? 255 : 60 * random.uniform();
  });
  return write(join(folder, name), idxBytes({ type: 8, shape: [rows, SIDE, SIDE], data: bytes }));
}

const data = (name = 'bars') => ({ format: 'idx', data: join(folder, name), transform: TRANSFORM });

const vae = (from?: string): ImagesConfig =>
  vaeConfig.parse({
    ...{
      kind: 'metflow',
      experiment: 'vae',
      seed: 3,
      dataset: data(from),
      test: data(),
      samples: 2,
      seeds: 1,
    },
    architecture: { latent: 2, hidden: [5] },
    models: [{ type: 'vae' }, { type: 'iwae', copies: 3 }, { type: 'metflow', count: 1, hidden: 4 }],
    train: { steps: 20, batch: 8, checkpointEvery: 6, evaluateEvery: 10 },
    evaluate: { images: 5, draws: 12, checkpointEvery: 5 },
  });

const inpainting = (from?: string): ImagesConfig => {
  const nets = { encoder: [PIXELS, 5, 4], decoder: [2, 5, PIXELS] };
  for (const [name, sizes] of Object.entries(nets)) {
    const count = sizes.slice(1).reduce((sum, to, i) => sum + (sizes[i]! + 1) * to, 0);
    const random = randomStream(count);
    const values = Float64Array.from({ length: count }, () => 0.5 * random.normal());
    const end = name === 'decoder' ? 'sigmoid' : 'none';
    write(join(folder, `${name}.onnx`), denseModel(values, { sizes, end }));
  }
  return inpaintingConfig.parse({
    ...{ kind: 'metflow', experiment: 'inpainting', seed: 3, dataset: data(from), seen: [8, 16] },
    ...{ encoder: join(folder, 'encoder.onnx'), decoder: join(folder, 'decoder.onnx') },
    images: { data: join(folder, 'bars'), rows: [0, 3] },
    samplers: [
      { type: 'encoder' },
      { type: 'hmc', count: 1, steps: 1 },
      { type: 'realnvp', count: 1, hidden: 4 },
    ],
    train: { steps: 10, batch: 8, checkpointEvery: 4 },
    sample: { chains: 3, frames: 4, sweeps: 3 },
  });
};

interface Stop {
  /** The report of a task's execution that stops it. */
  readonly atReport: number;
}

/** Plans, works on every task until it has ended, commits; each of a task's first executions ends as `stops` says. */
async function finished(name: string, config: ImagesConfig, stops: readonly Stop[] = []): Promise<string> {
  const runDir = join(folder, name);
  mkdirSync(runDir, { recursive: true });
  const input = { runId: 'r', runDir, config, configSha256: HASH };
  const { signal } = new AbortController();
  const plan = await planImagesTask(input, { signal });
  for (const [task, { units }] of plan.tasks.entries()) {
    let done = false;
    for (let tries = 0; !done; tries++) {
      const stopping = new AbortController();
      let reports = 0;
      const progress = () => {
        if (++reports >= (stops[tries]?.atReport ?? Number.POSITIVE_INFINITY)) stopping.abort();
      };
      const context = { signal: stopping.signal, progress };
      const output = await imageTask({ runDir, configSha256: HASH, task }, context);
      ({ done } = output);
      if (stops[tries] !== undefined) expect(output.units).toBeLessThan(units);
      else expect(output.units).toBe(units);
      const again = await planImagesTask(input, { signal });
      expect(again.tasks[task]!.done).toBe(output.units);
    }
  }
  await commitImagesTask({ run: input, restarts: 0, startedAtMs: 0, notices: [] });
  return runDir;
}

/** Lists of a row, as DuckDB gives them. */
const items = (list: unknown) => list as number[];

/** Reports are rare: the first of each execution comes with its first step. */
const STOPS: readonly Stop[] = [{ atReport: 1 }, { atReport: 1 }];

describe('a run of autoencoders', () => {
  it('has the same bytes however often its tasks were stopped; its nets are files that this program reads', async () => {
    const runDir = await finished('vae', vae());
    const calm = tableHashes(runDir);
    expect(Object.keys(calm)).toEqual(['training.parquet', 'vae_likelihood.parquet', 'vae_samples.parquet']);
    expect(tableHashes(await finished('vae-stopped', vae(), STOPS))).toEqual(calm);
    const rows = await parquetRows(join(runDir, 'vae_likelihood.parquet'));
    const models = ['vae', 'iwae', 'metflow'];
    expect(rows.map(({ model, seed }) => [model, seed])).toEqual(
      models.flatMap((model) => [3n, null].map((seed) => [model, seed])),
    );
    // By Jensen's inequality, draw by draw.
    for (const row of rows) expect(row.log_likelihood).toBeGreaterThanOrEqual(row.bound as number);
    const file = (net: string) => join(runDir, `nets/metflow-seed-3-${net}.onnx`);
    const nets = await readVaeNets({ encoder: file('encoder'), decoder: file('decoder') });
    expect(nets.shape).toMatchObject({ pixels: PIXELS, latent: 2, hidden: [5] });
    const samples = await parquetRows(join(runDir, 'vae_samples.parquet'));
    const own = samples.filter(({ model }) => model === 'metflow');
    expect(own).toHaveLength(2);
    const { net } = await readDenseNet(file('decoder'));
    for (const { z, pixels } of own) {
      const decoded = decodedByHand(net, items(z));
      for (const [i, value] of items(pixels).entries()) expect(value).toBeCloseTo(decoded[i]!, 5);
    }
    const manifest = JSON.parse(readFileSync(join(runDir, 'run.json'), 'utf8'));
    expect(manifest.nets).toHaveLength(6);
    expect(manifest.summary).toHaveLength(6);
  });
});

describe('a run of in-painting', () => {
  it('has the same bytes however often its tasks were stopped; its chains keep the pixels that were seen', async () => {
    const runDir = await finished('inpainting', inpainting());
    const calm = tableHashes(runDir);
    expect(tableHashes(await finished('inpainting-stopped', inpainting(), STOPS))).toEqual(calm);
    const rows = await parquetRows(join(runDir, 'inpainting', '*.parquet'));
    expect(rows).toHaveLength(3 * 2 * 3 * 5);
    const images = await parquetRows(join(runDir, 'inpainting_images.parquet'));
    const truth = new Map(images.map(({ image, pixels }) => [image, items(pixels)]));
    expect(items(images[0]!.seen)).toEqual([...Array(8).fill(0), ...Array(8).fill(1)]);
    for (const { image, pixels, frame } of rows) {
      const from = frame === 0 ? 0 : 8;
      expect(items(pixels).slice(from)).toEqual(truth.get(image)!.slice(from));
    }
    const summary = await parquetRows(join(runDir, 'inpainting_summary.parquet'));
    const drawn = rows.filter(({ model, image, frame }) => model === 'hmc' && image === 3n && frame !== 0);
    const share = drawn.flatMap(({ pixels }) => items(pixels).slice(0, 8));
    const own = summary.find(({ model, image }) => model === 'hmc' && image === 3n)!;
    expect(own.lit).toBeCloseTo(share.reduce((sum, value) => sum + value, 0) / share.length, 12);
    expect(items(own.accept_rate)).toHaveLength(1);
    expect(items(summary[0]!.accept_rate)).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(runDir, 'run.json'), 'utf8'));
    expect(manifest.files.map(({ key }: { key: string }) => key)).toEqual(['encoder', 'decoder', 'images']);
  });

  it('nets that do not belong together are refused', async () => {
    inpainting();
    const decoder = denseModel(new Float64Array(134), { sizes: [3, 5, PIXELS], end: 'sigmoid' });
    write(join(folder, 'other.onnx'), decoder);
    const files = { encoder: join(folder, 'encoder.onnx'), decoder: join(folder, 'other.onnx') };
    await expect(readVaeNets(files)).rejects.toMatchObject({ fault: { kind: 'shape-mismatch' } });
  });
});

it.each([
  ['autoencoders', vae],
  ['in-painting', inpainting],
] as const)('a run of %s is refused when its images have changed', async (name, configOf) => {
  writeBars(name);
  const input = {
    runId: 'r',
    runDir: join(folder, `${name}-run`),
    config: configOf(name),
    configSha256: HASH,
  };
  const { signal } = new AbortController();
  await planImagesTask(input, { signal });
  writeBars(name, 8);
  const context = { signal, progress: () => undefined };
  const task = imageTask({ runDir: input.runDir, configSha256: HASH, task: 2 }, context);
  await expect(task).rejects.toMatchObject({ fault: { kind: 'run-config-mismatch', where: 'dataset' } });
});

/** tanh layers, then the sigmoid. */
function decodedByHand(net: Awaited<ReturnType<typeof readDenseNet>>['net'], z: readonly number[]): number[] {
  return net.reduce<number[]>((values, { outputs, weight, bias }, layer) => {
    return Array.from({ length: outputs }, (_, to) => {
      const sum = values.reduce(
        (total, value, from) => total + value * weight[from * outputs + to]!,
        bias[to]!,
      );
      return layer < net.length - 1 ? Math.tanh(sum) : 1 / (1 + Math.exp(-sum));
    });
  }, Array.from(z));
}
