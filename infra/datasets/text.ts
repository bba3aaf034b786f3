// jsonl and plain text: documents cut into sequences of tokens, one point per token.

import type { DatasetConfig } from '#schemas/config.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { DatasetPlan, DatasetReader, InputBatch } from '../../activities/ports.ts';
import { fileSummary, identifyFile } from './data-file.ts';
import { findFiles } from './globs.ts';
import { LabelCodes, LabelTally, NO_LABELS } from './labels.ts';
import type { PlanOptions, ReadOptions } from './reader-options.ts';
import { batchRanges } from './shards.ts';
import { keepGood } from './skipping.ts';
import { indexText } from './text-index.ts';
import type { TokenSequence } from './text-sequences.ts';
import { sequencesFrom } from './text-sequences.ts';
import { cutSequences, textLocatorSchema } from './text-shards.ts';
import { contextsOf } from './token-contexts.ts';
import type { Tokenise } from './tokenised-documents.ts';
import { tokeniserOf } from './tokenised-documents.ts';
import type { TextTokenizer } from './tokenizer.ts';
import { openTokenizer } from './tokenizer.ts';

/**
 * Reader of text. jsonl: one document per line, its text in `dataset.column` (default `text`), as a string or
 * a list of words.
 * text: one document per file. Each document is cut into sequences of `contextTokens` tokens, the last one
 * shorter.
 * No special tokens are added.
 * @throws PipelineError (from plan) `data-missing`, `data-invalid`, `label-mismatch` naming file and line.
 */
export async function openText(config: DatasetConfig): Promise<DatasetReader> {
  const tokenizer = await openTokenizer(config.tokenizer);
  const tokenise = tokeniserOf(config, tokenizer);
  return {
    plan: (options) => planText(config, { ...options, tokenizer, tokenise }),
    read: (shard, options) => readText(config, shard, { ...options, tokenizer, tokenise }),
    close: async () => {},
  };
}

interface Tokenising {
  readonly tokenizer: TextTokenizer;
  readonly tokenise: Tokenise;
}

async function planText(config: DatasetConfig, options: PlanOptions & Tokenising): Promise<DatasetPlan> {
  const { tokenizer, tokenise } = options;
  const paths = await findFiles(config.data, { key: 'data' });
  const { kept, skipped } = await keepGood(paths, config, async (path) => {
    const file = await identifyFile(path, options);
    const index = await indexText(file, { ...options, config, tokenise, tokenizerSha256: tokenizer.sha256 });
    return { file, index };
  });
  const tally = new LabelTally();
  for (const { file, index } of kept) tally.merge(index.labels, file.path);
  return {
    ...(await cutSequences(kept, { config, batchSequences: batchSequences(config, options) })),
    ...(config.labels === undefined ? NO_LABELS : tally.finish()),
    files: kept.map(({ file }) => fileSummary(file)),
    skipped,
    sampleShape: [config.contextTokens],
  };
}

async function* readText(
  config: DatasetConfig,
  shard: ShardSpec,
  options: ReadOptions & Tokenising,
): AsyncGenerator<InputBatch> {
  const { plan, fromBatch, tokenise, tokenizer } = options;
  const batchRows = batchSequences(config, options);
  const codes = new LabelCodes(plan.labelNames);
  const sequences = sequencesFrom(textLocatorSchema.parse(shard.locator), {
    ...options,
    config,
    tokenise,
    codes,
  });
  const buffers = newBuffers(batchRows, config);
  try {
    for (let i = 0; i < fromBatch * batchRows; i++) await sequences.next();
    for (const { batch, first, samples } of batchRanges(shard, { batchRows, fromBatch })) {
      options.signal?.throwIfAborted();
      const found: TokenSequence[] = [];
      while (found.length < samples) {
        const { value, done } = await sequences.next();
        if (done)
          throw new Error(
            `shard ${shard.shardId} ends after ${first + found.length} of ${shard.samples} sequences`,
          );
        found.push(value);
      }
      yield {
        batch,
        firstSample: shard.firstSample + first,
        samples,
        ...fill(found, { buffers, config, tokenizer }),
      };
    }
  } finally {
    await sequences.return(undefined);
  }
}

interface Buffers {
  readonly input: BigInt64Array;
  readonly labels: Int32Array;
  readonly lengths: Int32Array;
  readonly firstTokenIndex: Int32Array;
}

function newBuffers(sequences: number, { contextTokens }: DatasetConfig): Buffers {
  return {
    input: new BigInt64Array(sequences * contextTokens),
    labels: new Int32Array(sequences * contextTokens),
    lengths: new Int32Array(sequences),
    firstTokenIndex: new Int32Array(sequences),
  };
}

function fill(
  found: readonly TokenSequence[],
  { buffers, config, tokenizer }: { buffers: Buffers; config: DatasetConfig; tokenizer: TextTokenizer },
): Pick<InputBatch, 'input' | 'labels' | 'sourceIds' | 'tokens'> {
  const { input, labels, lengths, firstTokenIndex } = buffers;
  const { contextTokens } = config;
  const contexts: string[] = [];
  let tokens = 0;
  input.fill(0n);
  for (const [row, sequence] of found.entries()) {
    for (const [i, id] of sequence.ids.entries()) input[row * contextTokens + i] = BigInt(id);
    labels.set(sequence.labels, tokens);
    tokens += sequence.ids.length;
    lengths[row] = sequence.ids.length;
    firstTokenIndex[row] = sequence.firstTokenIndex;
    for (const context of contextsOf(sequence.ids, tokenizer.bytesOf)) contexts.push(context);
  }
  const samples = found.length;
  return {
    input: {
      type: 'int64',
      data: input.subarray(0, samples * contextTokens),
      dims: [samples, contextTokens],
    },
    labels: config.labels === undefined ? null : labels.subarray(0, tokens),
    sourceIds: found.map(({ sourceId }) => sourceId),
    tokens: {
      lengths: lengths.subarray(0, samples),
      firstTokenIndex: firstTokenIndex.subarray(0, samples),
      contexts,
    },
  };
}

/** Whole sequences in a batch of about `batchRows` tokens. */
function batchSequences({ contextTokens }: DatasetConfig, { batchRows }: { batchRows: number }): number {
  return Math.max(1, Math.floor(batchRows / contextTokens));
}
