// The invariant: a sweep's tables say of every code what counting the float pre-activations by hand says.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CodedPoint,
  denseRow,
  imageRow,
  positionRow,
  settledCode,
  type UnitValues,
} from '../oracle/expected-codes.ts';
import { denseForward, type Floats, onnxForward } from '../oracle/float-forward.ts';
import { idxImages, idxLabels, writeIdxImages, writeIdxLabels } from '../oracle/idx-files.ts';
import { type ExpectedSpan, expectLayers, expectPointCodes, expectRegions, expectUnits } from './expect-tables.ts';
import { type LiveHome, MNIST, REPOSITORY, startHome } from './live-home.ts';
import { tableRows } from './table-rows.ts';

const EXAMPLES = join(REPOSITORY, 'examples');
const EXEMPLARS = 3;
/** Two files that overlap, so that codes occur once and twice. */
const FIRST = 1200;
const SECOND = 800;

interface Recorded {
  /** Recorded words of each point, null where the point lies on another grid. */
  readonly words: readonly (Uint8Array | null)[];
  readonly labels: readonly (number | null)[];
}

describe('counts of a sweep', () => {
  let home: LiveHome;
  let pixels: Uint8Array;
  let labels: Uint8Array;

  beforeAll(async () => {
    home = await startHome('counts', { workers: 1 });
    const images = join(MNIST, 't10k-images-idx3-ubyte');
    for (const [name, rows] of [['a', FIRST], ['b', SECOND]] as const) {
      writeIdxImages(join(home.folder, `${name}-images`), idxImages(images, 0, rows));
      writeIdxLabels(join(home.folder, `${name}-labels`), idxLabels(join(MNIST, 't10k-labels-idx1-ubyte'), 0, rows));
    }
    pixels = Buffer.concat([idxImages(images, 0, FIRST), idxImages(images, 0, SECOND)]);
    const classes = join(MNIST, 't10k-labels-idx1-ubyte');
    labels = Buffer.concat([idxLabels(classes, 0, FIRST), idxLabels(classes, 0, SECOND)]);
  });

  afterAll(() => home.close());

  async function sweep(example: string, run: string, sets: Readonly<Record<string, unknown>>): Promise<string> {
    const all = { run, 'output.exemplars': EXEMPLARS, 'stream.batchRows': 256, 'dataset.shardRows': 700, ...sets };
    const options = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]);
    const end = await home.tessera(['run', join(EXAMPLES, example), '--out', home.runs, '--json', ...options]);
    expect(end.code, end.stderr).toBe(0);
    return end.json!.output!;
  }

  const files = () => ({
    'dataset.data': [join(home.folder, 'a-images'), join(home.folder, 'b-images')],
    'dataset.labels': [join(home.folder, 'a-labels'), join(home.folder, 'b-labels')],
  });

  /** Codes of one tap, settled bit by bit with what was recorded. */
  function codesOf(recorded: Recorded, units: number, zOf: (point: number) => UnitValues): { points: CodedPoint[]; adopted: number } {
    let adopted = 0;
    const points = recorded.words.flatMap((words, pointId) => {
      if (words === null) return [];
      const settled = settledCode(zOf(pointId), units, words);
      adopted += settled.adopted;
      return [{ pointId, label: recorded.labels[pointId]!, code: settled.bytes }];
    });
    return { points, adopted };
  }

  /** All taps of each point in order. */
  function networkOf(spans: readonly ExpectedSpan[], digestOnly = false): ExpectedSpan {
    const points = spans[0]!.points.map((point, row) => ({
      ...point,
      code: Buffer.concat(spans.map((span) => span.points[row]!.code)),
    }));
    return { name: 'network', points, digestOnly };
  }

  async function recordedWords(runDir: string, span: string): Promise<Recorded> {
    const rows = await tableRows(runDir, 'points', { columns: `label, "words_${span}" AS words` });
    return { words: rows.map(({ words }) => words as Uint8Array | null), labels: rows.map(({ label }) => label as number | null) };
  }

  it('equal a float64 forward pass of the MLP in every table', async () => {
    const runDir = await sweep('mnist-mlp/sweep.yaml', 'mlp', { ...files(), 'codes.keep': 'words' });
    const forward = denseForward(join(EXAMPLES, 'mnist-mlp/tfjs-layers/model.json'));
    const taps = forward(Float64Array.from(pixels, (pixel) => pixel / 255), labels.length);
    const spans: ExpectedSpan[] = [];
    for (const name of ['fc1', 'fc2']) {
      const recorded = await recordedWords(runDir, name);
      const { points, adopted } = codesOf(recorded, 128, (point) => denseRow(taps[name]!, point));
      expect(adopted).toBeLessThan(10);
      spans.push({ name, points });
    }
    spans.push(networkOf(spans));
    expect(spans[0]!.points.map(({ label }) => label)).toEqual([...labels]);
    await expectRegions(runDir, spans, EXEMPLARS);
    await expectPointCodes(runDir, spans, 'words');
    await expectUnits(runDir, spans, 1);
    await expectLayers(runDir, spans);
    await expectPredictions(runDir, taps['fc3']!);

    const digests = await sweep('mnist-mlp/sweep.yaml', 'mlp-digests', files());
    await expectPointCodes(digests, spans, 'digests');
    await expectRegions(digests, spans, EXEMPLARS);
  });

  async function expectPredictions(runDir: string, logits: Floats): Promise<void> {
    const rows = await tableRows(runDir, 'points');
    for (const [i, row] of rows.entries()) {
      const own = Array.from(logits.data.subarray(i * 10, i * 10 + 10));
      const best = own.indexOf(Math.max(...own));
      const probability = 1 / own.reduce((sum, value) => sum + Math.exp(value - own[best]!), 0);
      expect(row['pred_prob']).toBeCloseTo(probability, 4);
      if (probability > 0.51) expect(row['pred_class']).toBe(best);
      const image = pixels.subarray(i * 784, i * 784 + 784);
      const norm = Math.hypot(...Array.from(image, (pixel) => pixel / 255));
      expect(row['norm_start']).toBeCloseTo(norm, 4);
    }
  }

  const CNN_TAPS = [
    ['/conv/Conv_output_0', 16, 28],
    ['/mixed/b1/Conv_output_0', 16, 14],
    ['/mixed/b3_reduce/Conv_output_0', 16, 14],
    ['/mixed/b3/Conv_output_0', 24, 14],
    ['/mixed/b5_reduce/Conv_output_0', 8, 14],
    ['/mixed/b5/Conv_output_0', 12, 14],
    ['/mixed/pool_proj/Conv_output_0', 12, 14],
    ['/res/bn1/BatchNormalization_output_0', 64, 7],
    ['/res/Add_output_0', 64, 7],
  ] as const;

  async function cnnForward(from: number, images: number): Promise<Readonly<Record<string, Floats>>> {
    const forward = await onnxForward(join(EXAMPLES, 'mnist-cnn/model.onnx'), CNN_TAPS.map(([name]) => name));
    const x = Float32Array.from(pixels.subarray(from * 784, (from + images) * 784), (pixel) => pixel / 255);
    return forward.run(new ort.Tensor('float32', x, [images, 1, 28, 28]));
  }

  it('equal float outputs of the CNN with one code per image, wide spans as digests', async () => {
    const runDir = await sweep('mnist-cnn/sweep.yaml', 'cnn-image', { ...files(), 'codes.keep': 'words', 'codes.wideSpanBytes': 2048 });
    const parts = await Promise.all([0, 500, 1000, 1500].map((from) => cnnForward(from, 500)));
    const spans: ExpectedSpan[] = [];
    for (const [name, channels, side] of CNN_TAPS) {
      const recorded = await recordedWords(runDir, name);
      const row = (point: number) => imageRow(parts[Math.floor(point / 500)]![name]!, point % 500);
      const { points, adopted } = codesOf(recorded, channels * side * side, row);
      expect(adopted, name).toBeLessThan(100);
      spans.push({ name, points });
    }
    spans.push(networkOf(spans, true));
    await expectRegions(runDir, spans, EXEMPLARS);
    await expectPointCodes(runDir, spans, 'words');
    await expectUnits(runDir, spans, 997);
    await expectLayers(runDir, spans);
  });

  it('equal float outputs of the CNN with one code per position', async () => {
    const images = 60;
    const runDir = await sweep('mnist-cnn/sweep.yaml', 'cnn-position', {
      ...files(),
      'dataset.rows': [0, images],
      'dataset.shardRows': 25,
      'stream.batchRows': 10,
      'codes.granularity': 'position',
      'codes.keep': 'words',
    });
    const taps = await cnnForward(0, images);
    const grids = [28, 14, 7];
    const perImage = grids.reduce((sum, side) => sum + side * side, 0);
    const place = (point: number) => {
      let cell = point % perImage;
      const side = grids.find((grid) => (cell < grid * grid ? true : ((cell -= grid * grid), false)))!;
      return { image: Math.floor(point / perImage), side, y: Math.floor(cell / side), x: cell % side };
    };
    const rows = await tableRows(runDir, 'points');
    expect(rows.length).toBe(images * perImage);
    expect(rows.findIndex((row, i) => row['position_y'] !== place(i).y || row['position_x'] !== place(i).x)).toBe(-1);
    expect(rows.findIndex((row, i) => row['label'] !== labels[place(i).image])).toBe(-1);
    const spans: ExpectedSpan[] = [];
    for (const [name, channels, side] of CNN_TAPS) {
      const recorded = await recordedWords(runDir, name);
      expect(recorded.words.findIndex((words, i) => (words !== null) !== (place(i).side === side)), name).toBe(-1);
      const row = (point: number) => positionRow(taps[name]!, place(point).image, [place(point).y, place(point).x]);
      const { points, adopted } = codesOf(recorded, channels, row);
      expect(adopted, name).toBeLessThan(10);
      spans.push({ name, points });
    }
    await expectRegions(runDir, spans, EXEMPLARS);
    await expectPointCodes(runDir, spans, 'words');
    await expectUnits(runDir, spans, 1);
  });
});
