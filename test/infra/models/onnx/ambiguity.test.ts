import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatTensor, node } from '../../../../infra/models/onnx/tensors.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { model, normals } from '../../../bench/random-nets.ts';
import { save, sessionOptions } from './nets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-ambiguous-'));
});
afterAll(() => rm(folder, { recursive: true }));

// Each unit's bias puts its pre-activation of the sample at `share` of |w||a| + |b|, computed here in double.
const SHARES = [0.3e-5, -0.3e-5, 0.9e-5, 3e-5, -3e-5, 1e-3, 0.5, -0.5];
const AMBIGUOUS = 3;

/** Bias that gives z = share * (|w||a| + |b|) for a weight row, by bisection. */
function biasFor(w: Float32Array, a: Float32Array, share: number): number {
  const dot = w.reduce((sum, v, i) => sum + v * (a[i] ?? 0), 0);
  const size = Math.hypot(...w) * Math.hypot(...a);
  let [low, high] = [-10 * size - 10, 10 * size + 10];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (dot + middle < share * (size + Math.abs(middle))) low = middle;
    else high = middle;
  }
  return low;
}

describe('ambiguous bits', () => {
  it.each(['Gemm', 'Gemm transB', 'MatMul and Add', 'Conv', 'Conv and BatchNorm'] as const)(
    'of %s are those within 1e-5 of |w||a| + |b|',
    async (layer) => {
      const a = normals(9, 1);
      const weights = SHARES.map((_, unit) => normals(9, 10 + unit));
      const biases = Float32Array.from(SHARES, (share, unit) => biasFor(weights[unit]!, a, share));
      const rows = Float32Array.from(weights.flatMap((w) => [...w]));
      const columns = Float32Array.from({ length: 72 }, (_, i) => weights[i % 8]![Math.floor(i / 8)]!);
      const conv = layer.startsWith('Conv');
      const bn = layer.endsWith('BatchNorm');
      const nodes = {
        Gemm: [node('Gemm', ['x', 'columns', 'b'], ['z'])],
        'Gemm transB': [node('Gemm', ['x', 'rows', 'b'], ['z'], { transB: 1 })],
        'MatMul and Add': [node('MatMul', ['x', 'columns'], ['m']), node('Add', ['m', 'b'], ['z'])],
        Conv: [node('Conv', ['x', 'kernels', 'b'], ['z'])],
        'Conv and BatchNorm': [
          node('Conv', ['x', 'kernels'], ['c']),
          node('BatchNormalization', ['c', 'ones', 'b', 'zeros', 'ones'], ['z'], { epsilon: 0 }, ['epsilon']),
        ],
      }[layer];
      const initializers = [
        floatTensor('rows', [8, 9], rows),
        floatTensor('columns', [9, 8], columns),
        floatTensor('kernels', [8, 1, 3, 3], rows),
        floatTensor('b', [8], biases),
        floatTensor('ones', [8], new Float32Array(8).fill(1)),
        floatTensor('zeros', [8], new Float32Array(8)),
      ];
      const shape = conv ? [1, 3, 3] : [9];
      const net = model({
        nodes: [...nodes, node('Relu', ['z'], ['a'])],
        initializers,
        input: ['batch', ...shape],
        output: 'a',
        outputRank: conv ? 4 : 2,
      });
      const file = await save(folder, 'net.onnx', net);
      for (const granularity of ['image', 'position'] as const) {
        const session = await onnxModels.open(
          sessionOptions(file, { sampleShape: shape, granularity, countAmbiguous: true }),
        );
        const other = normals(9, 99);
        const batch = await session.encode({
          type: 'float32',
          data: Float32Array.from([...a, ...other]),
          dims: [2, ...shape],
        });
        expect(session.taps[0]!.codeBits).toBe(8);
        expect(batch.ambiguous, `${granularity} ${bn}`).toHaveLength(1);
        expect(batch.ambiguous![0]![0]).toBe(AMBIGUOUS);
        expect(batch.ambiguous![0]![1]).toBe(0);
        await session.close();
      }
    },
  );

  it('of padded, strided, grouped convolutions follow each patch', async () => {
    const w = normals(4 * 2 * 9, 1);
    const x = normals(4 * 25, 2);
    const nodes = [
      node('Conv', ['x', 'w'], ['z'], {
        group: 2,
        pads: [1, 1, 1, 1],
        strides: [2, 2],
        kernel_shape: [3, 3],
      }),
      node('Relu', ['z'], ['a']),
    ];
    const net = model({
      nodes,
      initializers: [floatTensor('w', [4, 2, 3, 3], w)],
      input: ['batch', 4, 5, 5],
      output: 'a',
      outputRank: 4,
    });
    // Channel 0 becomes orthogonal to its patch at output (1, 1), up to rounding.
    const patch = (c: number, ky: number, kx: number) => c * 25 + (1 + ky) * 5 + 1 + kx;
    let dot = 0;
    for (let i = 0; i < 17; i++) dot += w[i]! * x[patch(Math.floor(i / 9), Math.floor((i % 9) / 3), i % 3)]!;
    w[17] = -dot / x[patch(1, 2, 2)]!;
    net.graph!.initializer[0] = floatTensor('w', [4, 2, 3, 3], w);
    const session = await onnxModels.open(
      sessionOptions(await save(folder, 'grouped.onnx', net), {
        sampleShape: [4, 5, 5],
        granularity: 'position',
        countAmbiguous: true,
      }),
    );
    const batch = await session.encode({ type: 'float32', data: x, dims: [1, 4, 5, 5] });
    expect([...batch.ambiguous![0]!]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0]);
    await session.close();
  });
});
