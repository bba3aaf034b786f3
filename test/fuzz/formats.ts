// What is fuzzed: valid files of every format that users or services hand in, and the product's own code that reads them.

import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ColumnDef } from '#schemas/columns/column.ts';
import { DRAW_COLUMNS } from '#schemas/columns/metflow/draws.ts';
import { sweepConfig } from '#schemas/config.ts';
import type { Cell } from '../../activities/experiments/experiment.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../activities/metflow/checkpoint.ts';
import { PartitionAggregator } from '../../infra/aggregate/partition-aggregator.ts';
import { loadConfig } from '../../infra/config/load-config.ts';
import { encodeBlock } from '../../infra/arrow/arrow-columns.ts';
import { decodeBlock } from '../../infra/arrow/ipc-batch.ts';
import { columnFromCells } from '../../infra/arrow/cells.ts';
import type { ColumnData } from '../../infra/arrow/column-block.ts';
import { openDataset } from '../../infra/datasets/open.ts';
import { sha256Of } from '../../infra/metflow/checkpoint-files.ts';
import { modelLoader } from '../../infra/models/registry.ts';
import { received, syntheticMessages, syntheticPlan } from '../infra/aggregate/synthetic-log.ts';
import { mlpNet } from '../bench/random-nets.ts';
import { sequential, waves, writeTfjsModel } from '../infra/models/tfjs-fixtures.ts';
import { ORIGIN } from '../metflow/checkpoint-origin.ts';
import type { Structure } from './mutations.ts';
import { pictures } from './pictures.ts';

/** Valid files of one data set or model; `mutated` is the one that is changed. */
export interface FuzzSeed {
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly mutated: string;
}

/** Writes the files of a data set or model into a folder, which is made. */
export async function writeFiles(folder: string, files: FuzzSeed['files']): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

export interface FuzzFormat {
  readonly structure: Structure;
  /** @param folder - an empty folder for what has to be written to be made. */
  seeds(folder: string): Promise<readonly FuzzSeed[]>;
  /** Reads the files of one case as the product does. */
  run(folder: string, seed: FuzzSeed): Promise<void>;
  /** Messages and checkpoints are our own files: damage to them is an internal fault, not the user's. */
  readonly ownFiles?: true;
}

const GOLDEN = fileURLToPath(new URL('../golden/', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));

/** A new format is one entry. */
export const FORMATS: Readonly<Record<string, FuzzFormat>> = {
  idx: dataset(async () => [{ 'data.idx': idx([5, 2, 3]), 'labels.idx': idx([5]) }], {
    format: 'idx',
    data: 'data.idx',
    labels: 'labels.idx',
  }),
  npy: dataset(() => golden(['double.npy', 'half.npy', 'unsigned-long.npy'], 'data.npy'), {
    format: 'npy',
    data: 'data.npy',
  }),
  parquet: dataset(() => golden(['lists.parquet', 'lists-zstd.parquet'], 'data.parquet'), {
    format: 'parquet',
    data: 'data.parquet',
    column: 'x',
    labels: 'digit',
  }),
  tar: dataset(() => golden(['ustar.tar', 'pax.tar', 'gnu.tar'], 'data.tar'), {
    format: 'tar',
    data: 'data.tar',
    labels: 'cls',
    transform: { shape: [4, 5, 3], layout: 'nhwc' },
  }),
  images: dataset(pictures, { format: 'images', data: 'a/*', transform: { shape: [3, 4, 5] } }),
  tokenizer: dataset(
    texts,
    { format: 'jsonl', data: 'text.jsonl', tokenizer: 'tokenizer.json', contextTokens: 8 },
    'json',
  ),
  jsonl: dataset(
    async () =>
      (await texts()).map(({ 'tokenizer.json': tokenizer, 'text.jsonl': text }) => ({
        'text.jsonl': text!,
        'tokenizer.json': tokenizer!,
      })),
    { format: 'jsonl', data: 'text.jsonl', tokenizer: 'tokenizer.json', contextTokens: 8 },
  ),
  onnx: {
    structure: 'protobuf',
    seeds: async () => [
      { files: { 'model.onnx': mlpNet([3, 5, 4, 2]) }, mutated: 'model.onnx' },
      ...['inception-tiny.onnx', 'gpt2-tiny.onnx'].map((name) =>
        file('model.onnx', join(GOLDEN, 'models', name)),
      ),
    ],
    run: (folder) => readModel(join(folder, 'model.onnx')),
  },
  tfjs: { structure: 'json', seeds: tfjsSeeds, run: (folder) => readModel(join(folder, 'model.json')) },
  yaml: {
    structure: 'yaml',
    seeds: async () => exampleConfigs().map((path) => file('config.yaml', path)),
    run: async (folder) => {
      // Code that a config names is not run by reading the config.
      loadConfig(join(folder, 'config.yaml'), { allowCode: true });
    },
  },
  arrow: { structure: 'bytes', ownFiles: true, seeds: messageSeeds, run: aggregateMessage },
  draws: {
    structure: 'bytes',
    ownFiles: true,
    seeds: async () => [{ files: { 'draws.arrow': drawMessage() }, mutated: 'draws.arrow' }],
    run: async (folder) => {
      const bytes = new Uint8Array(await readFile(join(folder, 'draws.arrow')));
      encodeBlock(decodeBlock(bytes, DRAW_COLUMNS, 'a message'), DRAW_COLUMNS);
    },
  },
  checkpoint: {
    structure: 'bytes',
    ownFiles: true,
    seeds: async () => [checkpointSeed()],
    run: async (folder) => {
      const where = join(folder, 'group.ckpt');
      decodeCheckpoint(await readFile(where), { where, sha256: sha256Of });
    },
  },
};

type Files = Readonly<Record<string, Uint8Array>>;

/** A data set: planned, then every shard read; the first file of each seed is mutated. */
function dataset(
  seeds: () => Promise<readonly Files[]>,
  options: Readonly<Record<string, unknown>>,
  structure: Structure = 'bytes',
): FuzzFormat {
  return {
    structure,
    seeds: async () => (await seeds()).map((files) => ({ files, mutated: Object.keys(files)[0]! })),
    run: async (folder, { files }) => {
      const here = Object.fromEntries(
        ['data', 'labels', 'tokenizer']
          .filter((key) => key === 'data' || String(options[key]) in files)
          .map((key) => [key, join(folder, String(options[key]))]),
      );
      const config = sweepConfig.parse({
        kind: 'sweep',
        model: { file: 'x.onnx' },
        dataset: { ...options, ...here, shardRows: 64 },
      });
      const reader = await openDataset(config.dataset);
      try {
        const plan = await reader.plan({ batchRows: 16 });
        for (const shard of plan.shards) {
          for await (const _batch of reader.read(shard, { plan, batchRows: 16, fromBatch: 0 }));
        }
      } finally {
        await reader.close();
      }
    },
  };
}

/** A model: inspected, opened where its input is known, and run on one batch of ones. */
async function readModel(file: string): Promise<void> {
  const loader = await modelLoader(file);
  const model = { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 } as const;
  const info = await loader.inspect(model, { granularity: 'image' });
  const sampleShape = info.input.dims.slice(1).map((size) => size ?? 4);
  const values = sampleShape.reduce((product, size) => product * size, 2);
  if (values > 1e6) return;
  const session = await loader.open({
    ...{ model, seed: 0, granularity: 'image', sampleShape, batchSamples: 2, threads: 1 },
    ...{ packing: 'auto', countAmbiguous: false },
  });
  try {
    const data =
      info.input.type === 'int64' ? new BigInt64Array(values).fill(1n) : new Float32Array(values).fill(1);
    if (info.input.type === 'int64' || info.input.type === 'float32')
      await session.encode({ type: info.input.type, data, dims: [2, ...sampleShape] });
  } finally {
    await session.close();
  }
}

function file(name: string, path: string): FuzzSeed {
  return { files: { [name]: readFileSync(path) }, mutated: name };
}

async function golden(names: readonly string[], as: string): Promise<Files[]> {
  return names.map((name) => ({ [as]: readFileSync(join(GOLDEN, 'datasets', name)) }));
}

/** An IDX file of unsigned bytes. */
function idx(shape: readonly number[]): Uint8Array {
  const sizes = Buffer.alloc(4 * shape.length);
  for (const [axis, size] of shape.entries()) sizes.writeUInt32BE(size, 4 * axis);
  const count = shape.reduce((product, size) => product * size, 1);
  return Buffer.concat([
    Buffer.from([0, 0, 8, shape.length]),
    sizes,
    Buffer.from(Array.from({ length: count }, (_, i) => i % 5)),
  ]);
}

async function texts(): Promise<Files[]> {
  const lines = ['The jury said .', 'no evidence', '']
    .map((text) => `${JSON.stringify({ text })}\n`)
    .join('');
  return [
    {
      'tokenizer.json': readFileSync(join(EXAMPLES, 'brown/tokenizer.json')),
      'text.jsonl': Buffer.from(lines),
    },
  ];
}

async function tfjsSeeds(folder: string): Promise<FuzzSeed[]> {
  const dense = ['Dense', { name: 'dense', units: 4, activation: 'relu', use_bias: true }] as const;
  const out = ['Dense', { name: 'out', units: 2, activation: 'linear', use_bias: true }] as const;
  const weight = (name: string, shape: readonly number[]) => {
    return {
      name,
      shape,
      values: waves(
        shape.reduce((a, b) => a * b, 1),
        1,
      ),
    };
  };
  writeTfjsModel(folder, sequential([dense, out], [3]), [
    ...[weight('dense/kernel', [3, 4]), weight('dense/bias', [4])],
    ...[weight('out/kernel', [4, 2]), weight('out/bias', [2])],
  ]);
  const files = Object.fromEntries(
    readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
  );
  return [{ files, mutated: 'model.json' }];
}

function exampleConfigs(): string[] {
  return readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(EXAMPLES, name));
}

const LOG = { rows: 200, inputs: 40, shardRows: 100, batchRows: 50 };
const PLAN = syntheticPlan(LOG);

async function messageSeeds(): Promise<FuzzSeed[]> {
  const messages = received([...syntheticMessages(PLAN, LOG)].flat(), 0);
  return messages.map(({ value, headers }) => {
    const place = Buffer.from(JSON.stringify(headers));
    return { files: { 'message.arrow': value, 'headers.json': place }, mutated: 'message.arrow' };
  });
}

async function aggregateMessage(folder: string): Promise<void> {
  const value = new Uint8Array(await readFile(join(folder, 'message.arrow')));
  const headers = JSON.parse(
    await readFile(join(folder, 'headers.json'), 'utf8'),
  ) as ReceivedMessage['headers'];
  const aggregator = await PartitionAggregator.open({
    dir: join(folder, 'segments'),
    partition: 0,
    plan: PLAN,
  });
  await aggregator.add([{ value, headers, offset: 0n }]);
  await aggregator.flush();
}

function drawMessage(): Uint8Array {
  const rows = 6;
  const cells = DRAW_COLUMNS.map((column): [string, ColumnData] => [column.name, columnOf(column, rows)]);
  return encodeBlock({ rows, columns: new Map(cells) }, DRAW_COLUMNS);
}

function columnOf(column: ColumnDef, rows: number): ColumnData {
  if (column.type === 'dictionary<int32,utf8>')
    return { values: new Int32Array(rows), offsets: null, validity: null, dictionary: ['hmc', 'metflow'] };
  return columnFromCells(column, cellsOf(column, rows), { where: 'draws' });
}

function cellsOf({ type, nullable }: ColumnDef, rows: number): Cell[] {
  return Array.from({ length: rows }, (_, row) => {
    if (nullable && row % 3 === 0) return null;
    if (type === 'fixed[16]') return new Uint8Array(16).fill(row);
    if (type === 'list<float64>') return Float64Array.of(row, -row);

    return type === 'bool' ? row % 2 === 0 : row;
  });
}

function checkpointSeed(): FuzzSeed {
  const arrays = {
    z: Float64Array.of(0.1, -0, 5),
    run: Uint32Array.of(1, 2),
    direction: Int8Array.of(1, -1),
  };
  const bytes = encodeCheckpoint(
    { origin: ORIGIN, state: { place: { warmed: 3, drawn: 7 } }, arrays },
    sha256Of,
  );
  return { files: { 'group.ckpt': bytes }, mutated: 'group.ckpt' };
}
