// The configs of the paper profile through the whole pipeline, on small nets with the operators and names of the public exports:
// GPT-2 (attention, LayerNorm, tanh GELU) and InceptionV1 (mixed blocks, local response normalisation, a fixed batch).

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LiveHome, MNIST, REPOSITORY, startHome } from './live-home.ts';
import { EXAMPLES, finishedSweep } from './recorded-codes.ts';
import { parquetRows } from './table-rows.ts';

const MODELS = join(REPOSITORY, 'test/golden/models');
const DIGITS = {
  format: 'idx',
  data: join(MNIST, 't10k-images-idx3-ubyte'),
  labels: join(MNIST, 't10k-labels-idx1-ubyte'),
  rows: [0, 200],
  transform: { scale: 1 / 255, shape: [1, 28, 28] },
};
const DOCUMENTS = 40;
const TOKENS = 64;
const FEW_CONTROLS = { randomInit: 1, weightPermuted: 0 };

let home: LiveHome;
let corpus: Readonly<Record<string, unknown>>;

beforeAll(async () => {
  home = await startHome('paper', { workers: 1 });
  corpus = writeCorpus(home.folder);
});

afterAll(() => home.close());

const run = (config: string, sets: Readonly<Record<string, unknown>>) =>
  finishedSweep(home, join(EXAMPLES, config), sets);
const rowsOf = (folder: string, table: string) => parquetRows(join(folder, table));

describe.concurrent('InceptionV1', () => {
  const model = { file: join(MODELS, 'inception-tiny.onnx'), taps: ['inception_*/*'] };

  it('is swept image by image', async () => {
    const folder = await run('inception-v1/sweep.yaml', { model, dataset: DIGITS });
    const layers = await rowsOf(folder, 'layers.parquet');
    expect(layers.filter(({ kind }) => kind !== 'network').map(({ name }) => name)).toHaveLength(12);
    expect(await rowsOf(folder, 'points/*.parquet')).toHaveLength(200);
  });

  it('has exact densities behind its last normalisation', async () => {
    const space = 'inception_3a/output_1';
    const folder = await run('inception-v1/density.yaml', {
      model,
      dataset: DIGITS,
      controls: FEW_CONTROLS,
      density: { classes: 3, pointsPerClass: 4, exactPairs: 3, spaces: [space], exactSpaces: [space] },
    });
    const solved = (await rowsOf(folder, 'paths.parquet')).filter(({ crossings }) => crossings !== null);
    expect(new Set(solved.map(({ exact }) => exact))).toEqual(new Set([true]));
    expect(solved.some(({ crossings }) => Number(crossings) > 0)).toBe(true);
    expect((await rowsOf(folder, 'claims.parquet')).length).toBeGreaterThan(0);
  });
});

describe.concurrent('GPT-2', () => {
  const model = { file: join(MODELS, 'gpt2-tiny.onnx') };

  it('is swept token by token', async () => {
    const folder = await run('gpt2/sweep.yaml', { model, dataset: { ...corpus, shardRows: 16 } });
    const layers = (await rowsOf(folder, 'layers.parquet')).filter(({ kind }) => kind !== 'network');
    expect(layers.map(({ activation, n_bits }) => [activation, n_bits])).toEqual([
      ['Gelu', 64],
      ['Gelu', 64],
    ]);
    for (const { soft_fraction } of layers) expect(Number(soft_fraction)).toBeGreaterThan(0);
    expect(await rowsOf(folder, 'points/*.parquet')).toHaveLength(DOCUMENTS * TOKENS);
  });

  it('has clusters of tokens in every block, six positions of each sequence', async () => {
    const folder = await run('gpt2/clusters.yaml', {
      model,
      dataset: corpus,
      controls: FEW_CONTROLS,
      clusters: { points: 120, shuffles: 19, components: 3, feature: ['act_l2', 'code_layer'] },
    });
    const clusterings = await rowsOf(folder, 'clusterings.parquet');
    expect(new Set(clusterings.map(({ span }) => span)).size).toBe(2);
    expect(new Set(clusterings.map(({ model: name }) => name))).toEqual(
      new Set(['trained', 'random_init:1']),
    );
    expect((await rowsOf(folder, 'runs.parquet'))[0]).toMatchObject({ exact: false });
  });
});

/** Documents of 64 bytes each, and a tokenizer with a token per byte. @returns the dataset section. */
function writeCorpus(folder: string): Readonly<Record<string, unknown>> {
  const letters = 'etaoin shrdlu';
  const lines = Array.from({ length: DOCUMENTS }, (_, document) => {
    const text = Array.from({ length: TOKENS }, (__, i) => letters[(document * 7 + i * (i + 3)) % 13]).join(
      '',
    );
    return JSON.stringify({ id: `document ${document}`, text });
  });
  writeFileSync(join(folder, 'corpus.jsonl'), `${lines.join('\n')}\n`);
  const step = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const vocab = Object.fromEntries(byteCharacters().map((character, byte) => [character, byte]));
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: step,
    post_processor: null,
    decoder: step,
    model: { type: 'BPE', dropout: null, unk_token: null, fuse_unk: false, vocab, merges: [] },
  };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  return {
    format: 'jsonl',
    data: join(folder, 'corpus.jsonl'),
    tokenizer: join(folder, 'tokenizer.json'),
    contextTokens: TOKENS,
    transform: { shape: [TOKENS] },
  };
}

/** The character that byte-level BPE writes for each byte: itself where it is printable, else one from 256 on. */
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
}
