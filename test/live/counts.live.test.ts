// The invariant: a sweep's tables say of every code what counting the float pre-activations by hand says.

import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeKey, denseRow, imageRow, positionRow } from '../oracle/expected-codes.ts';
import { denseForward, type Floats, onnxForward } from '../oracle/float-forward.ts';
import { idxImages, idxLabels, writeIdxImages, writeIdxLabels } from '../oracle/idx-files.ts';
import {
  type ExpectedSpan,
  expectLayers,
  expectPointCodes,
  expectRegions,
  expectUnits,
} from './expect-tables.ts';
import { type LiveHome, MNIST, startHome } from './live-home.ts';
import { codedPoints, EXAMPLES, finishedSweep, networkSpan, recordedTap } from './recorded-codes.ts';
import { tableRows } from './table-rows.ts';
import { expectTokenCounts } from './token-counts.ts';

const EXEMPLARS = 3;
/** Two files that overlap, so that codes occur once and twice. */
const FIRST = 1200;
const SECOND = 800;

describe('counts of a sweep', () => {
  let home: LiveHome;
  let pixels: Uint8Array;
  let labels: Uint8Array;

  beforeAll(async () => {
    home = await startHome('counts', { workers: 1 });
    const images = join(MNIST, 't10k-images-idx3-ubyte');
    for (const [name, rows] of [
      ['a', FIRST],
      ['b', SECOND],
    ] as const) {
      writeIdxImages(join(home.folder, `${name}-images`), idxImages(images, 0, rows));
      writeIdxLabels(
        join(home.folder, `${name}-labels`),
        idxLabels(join(MNIST, 't10k-labels-idx1-ubyte'), 0, rows),
      );
    }
    pixels = Buffer.concat([idxImages(images, 0, FIRST), idxImages(images, 0, SECOND)]);
    const classes = join(MNIST, 't10k-labels-idx1-ubyte');
    labels = Buffer.concat([idxLabels(classes, 0, FIRST), idxLabels(classes, 0, SECOND)]);
  });

  afterAll(() => home.close());

  function sweep(example: string, run: string, sets: Readonly<Record<string, unknown>>): Promise<string> {
    const all = {
      run,
      'output.exemplars': EXEMPLARS,
      'stream.batchRows': 256,
      'dataset.shardRows': 700,
      ...sets,
    };
    return finishedSweep(home, join(EXAMPLES, example), all);
  }

  const files = () => ({
    'dataset.data': [join(home.folder, 'a-images'), join(home.folder, 'b-images')],
    'dataset.labels': [join(home.folder, 'a-labels'), join(home.folder, 'b-labels')],
  });

  it('equal a float64 forward pass of the MLP in every table', async () => {
    const runDir = await sweep('mnist-mlp/sweep.yaml', 'mlp', { ...files(), 'codes.keep': 'words' });
    const forward = denseForward(join(EXAMPLES, 'mnist-mlp/tfjs-layers/model.json'));
    const taps = forward(
      Float64Array.from(pixels, (pixel) => pixel / 255),
      labels.length,
    );
    const spans: ExpectedSpan[] = [];
    for (const name of ['fc1', 'fc2']) {
      const recorded = await recordedTap(runDir, name);
      const { points, adopted } = codedPoints(recorded, 128, (point) => denseRow(taps[name]!, point));
      expect(adopted).toBeLessThan(10);
      spans.push({ name, points });
    }
    spans.push(networkSpan(spans));
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
    const forward = await onnxForward(
      join(EXAMPLES, 'mnist-cnn/model.onnx'),
      CNN_TAPS.map(([name]) => name),
    );
    const x = Float32Array.from(pixels.subarray(from * 784, (from + images) * 784), (pixel) => pixel / 255);
    return forward.run(new ort.Tensor('float32', x, [images, 1, 28, 28]));
  }

  it('equal float outputs of the CNN with one code per image, wide spans as digests', async () => {
    const runDir = await sweep('mnist-cnn/sweep.yaml', 'cnn-image', {
      ...files(),
      'codes.keep': 'words',
      'codes.wideSpanBytes': 2048,
    });
    const parts = await Promise.all([0, 500, 1000, 1500].map((from) => cnnForward(from, 500)));
    const spans: ExpectedSpan[] = [];
    for (const [name, channels, side] of CNN_TAPS) {
      const recorded = await recordedTap(runDir, name);
      const row = (point: number) => imageRow(parts[Math.floor(point / 500)]![name]!, point % 500);
      const { points, adopted } = codedPoints(recorded, channels * side * side, row);
      expect(adopted, name).toBeLessThan(100);
      spans.push({ name, points });
    }
    spans.push(networkSpan(spans, { digestOnly: true }));
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
      const within = point % perImage;
      const cellsAbove = (side: number) =>
        grids.filter((grid) => grid > side).reduce((sum, grid) => sum + grid * grid, 0);
      const side = grids.findLast((grid) => cellsAbove(grid) <= within)!;
      const cell = within - cellsAbove(side);
      return { image: Math.floor(point / perImage), side, y: Math.floor(cell / side), x: cell % side };
    };
    const rows = await tableRows(runDir, 'points');
    expect(rows.length).toBe(images * perImage);
    expect(
      rows.findIndex((row, i) => row['position_y'] !== place(i).y || row['position_x'] !== place(i).x),
    ).toBe(-1);
    expect(rows.findIndex((row, i) => row['label'] !== labels[place(i).image])).toBe(-1);
    const spans: ExpectedSpan[] = [];
    for (const [name, channels, side] of CNN_TAPS) {
      const recorded = await recordedTap(runDir, name);
      expect(
        recorded.words.findIndex((words, i) => (words !== null) !== (place(i).side === side)),
        name,
      ).toBe(-1);
      const row = (point: number) =>
        positionRow(taps[name]!, place(point).image, [place(point).y, place(point).x]);
      const { points, adopted } = codedPoints(recorded, channels, row);
      expect(adopted, name).toBeLessThan(10);
      spans.push({ name, points });
    }
    await expectRegions(runDir, spans, EXEMPLARS);
    await expectPointCodes(runDir, spans, 'words');
    await expectUnits(runDir, spans, 1);
  });

  it('equal float outputs of the transformer, token by token', async () => {
    await expectTokenCounts(home, (sets) => sweep('brown/sweep.yaml', 'brown', sets), EXEMPLARS);
  });

  it('are the same for ONNX and TensorFlow.js but for ambiguous bits', async () => {
    const sets = {
      ...files(),
      'codes.keep': 'words',
      'codes.countAmbiguous': true,
      'codes.spans': ['network'],
    };
    const onnx = await sweep('mnist-mlp/sweep.yaml', 'onnx', sets);
    const tfjs = await sweep('mnist-mlp/sweep-tfjs.yaml', 'tfjs', sets);
    const [a, b] = await Promise.all([onnx, tfjs].map((runDir) => tableRows(runDir, 'points')));
    const differs = new Set<number>();
    const explained = a!.every((row, i) => {
      const flipped = flippedBits(row['words_network'] as Uint8Array, b![i]!['words_network'] as Uint8Array);
      if (flipped > 0) differs.add(i);
      return flipped <= Math.max(Number(row['n_ambiguous']), Number(b![i]!['n_ambiguous']));
    });
    expect(explained).toBe(true);
    expect(differs.size).toBeLessThan(20);
    const touched = new Set(
      [...differs].flatMap((i) => [a![i]!, b![i]!].map((row) => codeKey(row['words_network'] as Uint8Array))),
    );
    const [ours, theirs] = await Promise.all(
      [onnx, tfjs].map(async (runDir) => {
        const regions = await tableRows(runDir, 'regions', { columns: '* EXCLUDE (run_id)' });
        return regions.filter(({ words }) => !touched.has(codeKey(words as Uint8Array)));
      }),
    );
    expect(ours!.length).toBeGreaterThan(1000);
    expect(ours).toEqual(theirs);
  });
});

function flippedBits(a: Uint8Array, b: Uint8Array): number {
  let flipped = 0;
  a.forEach((byte, i) => {
    for (let rest = byte ^ b[i]!; rest > 0; rest >>= 1) flipped += rest & 1;
  });
  return flipped;
}
