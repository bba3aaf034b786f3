// The config file (contract section 3) as zod schemas. Unknown keys are errors; descriptions feed `tessera schema` and editors.

import { z } from 'zod';

export const seed = z
  .int()
  .min(0)
  .max(0xffffffff)
  .default(0)
  .describe('Seed of every random choice of the run.');

export const model = z
  .strictObject({
    file: z
      .string()
      .min(1)
      .describe('An .onnx file, or the model.json of a TensorFlow.js layers or graph model.'),
    control: z
      .enum(['none', 'random_init', 'weight_permuted'])
      .default('none')
      .describe("Rewrites the weights, seeded: fresh initialisation, or each tensor's entries shuffled."),
    taps: z
      .union([z.literal('auto'), z.array(z.string().min(1)).min(1)])
      .default('auto')
      .describe('Pre-activations to record: auto finds all, or tensor-name globs in layer order.'),
    input: z
      .string()
      .min(1)
      .optional()
      .describe('Name of the graph input; needed only where there are several.'),
    device: z.enum(['cpu', 'cuda']).default('cpu').describe('Where the model runs.'),
    threads: z
      .int()
      .min(0)
      .max(256)
      .default(0)
      .describe('Threads per session; 0 shares the cores between workers.'),
  })
  .describe('The network whose spline codes are recorded.');

const transform = z
  .strictObject({
    scale: z.number().default(1).describe('Factor applied to raw values first.'),
    mean: z
      .union([z.number(), z.array(z.number())])
      .default(0)
      .describe('Subtracted after scaling; one number or one per channel.'),
    std: z
      .union([z.number().positive(), z.array(z.number().positive())])
      .default(1)
      .describe('Divides after the mean; one number or one per channel.'),
    shape: z.array(z.int().positive()).optional().describe('Shape of one sample as the model wants it.'),
    layout: z.enum(['nchw', 'nhwc']).default('nchw').describe('Order of image axes that the model wants.'),
    channelOrder: z
      .enum(['rgb', 'bgr'])
      .optional()
      .describe(
        'Order of colours that the model wants; rgb where it is not given. `mean` and `std` are in this order.',
      ),
  })
  .describe('How raw values become model input: (raw * scale - mean) / std.');

export const dataset = z
  .strictObject({
    format: z
      .enum(['idx', 'npy', 'parquet', 'images', 'jsonl', 'text', 'tar'])
      .describe('Format of the data files.'),
    data: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .describe('File, glob or list of them; .gz is read as is.'),
    labels: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe(
        'Label file(s), or the column (parquet, jsonl), or the member suffix (tar); for images the folder name is the label.',
      ),
    column: z
      .string()
      .min(1)
      .optional()
      .describe('Column or field that holds the input (parquet, jsonl), or member suffix (tar).'),
    tokenizer: z
      .string()
      .min(1)
      .optional()
      .describe('Hugging Face tokenizer.json; text models give one row per token.'),
    contextTokens: z.int().min(1).max(65536).default(64).describe('Text: tokens per sequence.'),
    transform: transform.prefault({}),
    rows: z
      .tuple([z.int().min(0), z.int().min(1)])
      .refine(([from, to]) => from < to, 'the first row must lie below the second')
      .optional()
      .describe('Range of samples [from, to) of the data set; text: documents.'),
    shardRows: z.int().min(1).default(4096).describe('Samples per shard.'),
    onError: z
      .enum(['fail', 'skip'])
      .default('fail')
      .describe('A bad file fails the run, or is left out and counted in run.json.'),
  })
  .describe('The corpus.');

const codes = z
  .strictObject({
    granularity: z
      .enum(['image', 'position'])
      .default('image')
      .describe('Conv nets: one row per image, or per spatial position. Text: always per token.'),
    spans: z
      .array(z.enum(['layer', 'network']))
      .min(1)
      .default(['layer', 'network'])
      .describe('Code columns: one per tap, and all taps concatenated.'),
    keep: z
      .enum(['none', 'digests', 'words'])
      .default('digests')
      .describe('What the points table stores per row.'),
    wideSpanBytes: z
      .int()
      .min(4)
      .default(8192)
      .describe('Spans with wider codes travel and are stored as digests only.'),
    packing: z
      .string()
      .default('auto')
      .describe('Way of packing bits; auto measures the ways for this graph and keeps the fastest.'),
    countAmbiguous: z
      .boolean()
      .default(false)
      .describe('Also count, per row, the bits that rounding could flip.'),
  })
  .describe('Which codes are recorded and how.');

const stream = z
  .strictObject({
    partitions: z.int().min(1).max(1024).default(4).describe('Kafka partitions, and so aggregators.'),
    batchRows: z
      .int()
      .min(1)
      .max(65536)
      .default(1024)
      .describe(
        'Samples per model call and message (text: tokens, rounded to whole sequences; positions: as many images as make 16 times that many rows).',
      ),
  })
  .describe('The code log.');

export const output = z
  .strictObject({
    dir: z.string().min(1).default('runs').describe('Folder that receives one folder per run.'),
    exemplars: z.int().min(0).max(1024).default(8).describe('Example points kept per region.'),
  })
  .describe('Where results go.');

export const runId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dot, dash and underscore, at most 100')
  .optional()
  .describe('Run id; derived from the resolved config when absent.');

/** Schema of a `kind: sweep` config. */
export const sweepConfig = z.strictObject({
  kind: z.literal('sweep'),
  run: runId,
  seed,
  model,
  dataset,
  codes: codes.prefault({}),
  stream: stream.prefault({}),
  output: output.prefault({}),
});

export type SweepConfig = z.infer<typeof sweepConfig>;
export type ModelConfig = SweepConfig['model'];
export type DatasetConfig = SweepConfig['dataset'];
export type TransformConfig = DatasetConfig['transform'];
