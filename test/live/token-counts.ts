// The transformer's part of the counts: one row per token.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { denseRow } from '../oracle/expected-codes.ts';
import { type Floats, onnxForward } from '../oracle/float-forward.ts';
import { type ExpectedToken, type TokenSequence, tokenSequences } from '../oracle/token-sequences.ts';
import {
  type ExpectedSpan,
  expectLayers,
  expectPointCodes,
  expectRegions,
  expectUnits,
} from './expect-tables.ts';
import type { LiveHome } from './live-home.ts';
import { codedPoints, EXAMPLES, networkSpan, recordedTap } from './recorded-codes.ts';
import { tableRows } from './table-rows.ts';

const DOCUMENTS = 110;
const UNITS = 512;
const TAPS = [0, 1, 2, 3].map((block) => `/blocks.${block}/fc_in/Add_output_0`);

/** Pre-activations of one token, per tap. */
interface TokenOutput {
  readonly z: Readonly<Record<string, Floats>>;
  readonly row: number;
}

/** Sweeps 110 sentences and compares every table with what ONNX Runtime gives for each alone, unpadded. */
export async function expectTokenCounts(
  home: LiveHome,
  sweep: (sets: Readonly<Record<string, unknown>>) => Promise<string>,
  exemplars: number,
): Promise<void> {
  const jsonl = join(home.folder, 'brown.jsonl');
  execFileSync(process.execPath, [join(EXAMPLES, 'brown/prepare.mjs'), '--out', jsonl]);
  const rows = { 'dataset.rows': [0, DOCUMENTS], 'dataset.shardRows': 40 };
  const runDir = await sweep({ 'dataset.data': jsonl, 'codes.keep': 'words', ...rows });
  const tokenizer = join(EXAMPLES, 'brown/tokenizer.json');
  const sequences = tokenSequences(jsonl, { tokenizer, documents: DOCUMENTS, contextTokens: 64 });
  await expectTokens(runDir, sequences.flat());
  const outputs = await outputsOf(sequences);
  const spans: ExpectedSpan[] = [];
  for (const name of TAPS) {
    const zOf = (point: number) => denseRow(outputs[point]!.z[name]!, outputs[point]!.row);
    const { points, adopted } = codedPoints(await recordedTap(runDir, name), UNITS, zOf);
    expect(adopted, name).toBeLessThan(10);
    spans.push({ name, points });
  }
  spans.push(networkSpan(spans));
  await expectSoftFractions(runDir, outputs);
  await expectRegions(runDir, spans, exemplars);
  await expectPointCodes(runDir, spans, 'words');
  await expectUnits(runDir, spans, 7);
  await expectLayers(runDir, spans);
}

async function expectTokens(runDir: string, tokens: readonly ExpectedToken[]): Promise<void> {
  expect(tokens.length).toBeGreaterThan(2000);
  const rows = await tableRows(runDir, 'points');
  const text = (...cells: unknown[]) => cells.join(' ');
  expect(
    rows.map((row) => text(row['source_id'], row['token_index'], row['token_id'], row['label_name'])),
  ).toEqual(tokens.map((token) => text(token.sourceId, token.tokenIndex, token.tokenId, token.tag)));
  const names = new Map(rows.map(({ label, label_name }) => [label, label_name]));
  expect(new Set(names.values()).size, 'one name for each class').toBe(names.size);
  const contexts = rows.map((row, i) => `${tokens[i]!.text} in ${row['context']}`);
  const strangers = contexts.filter((context, i) => !context.includes(`«${tokens[i]!.text}»`));
  expect(strangers.slice(0, 3)).toEqual([]);
}

async function outputsOf(sequences: readonly TokenSequence[]): Promise<TokenOutput[]> {
  const forward = await onnxForward(join(EXAMPLES, 'brown/model.onnx'), TAPS);
  const outputs: TokenOutput[] = [];
  for (const sequence of sequences) {
    const ids = BigInt64Array.from(sequence, ({ tokenId }) => BigInt(tokenId));
    const z = await forward.run(new ort.Tensor('int64', ids, [1, ids.length]));
    outputs.push(...sequence.map((_, row) => ({ z, row })));
  }
  return outputs;
}

/** Share of pre-activations near the kink of the GELU. */
async function expectSoftFractions(runDir: string, outputs: readonly TokenOutput[]): Promise<void> {
  const layers = await tableRows(runDir, 'layers');
  for (const [layer, name] of TAPS.entries()) {
    let soft = 0;
    for (const { z, row } of outputs) {
      for (let unit = 0; unit < UNITS; unit++) if (Math.abs(denseRow(z[name]!, row)(unit)) < 2) soft++;
    }
    expect(layers[layer]!['soft_fraction'], name).toBeCloseTo(soft / (UNITS * outputs.length), 5);
  }
}
