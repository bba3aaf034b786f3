// Exact geometry of ONNX graphs, operator by operator, against an evaluator in plain float64 loops.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../../../../activities/experiments/network.ts';
import { randomStream } from '../../../../../activities/numeric/rng.ts';
import type { PathCrossings } from '../../../../../activities/polytope/crossing-events.ts';
import type { PiecewiseNet } from '../../../../../activities/polytope/piecewise-net.ts';
import { crossingsOnSegments } from '../../../../../activities/polytope/segment-crossings.ts';
import { partitionSlice } from '../../../../../activities/polytope/slice-partition.ts';
import { liftToStart, planeThroughRows } from '../../../../../activities/polytope/slice-plane.ts';
import { decodeModel, encodeModel, type GraphProto } from '../../../../../infra/models/onnx/proto.ts';
import { codeOf, middleOf } from '../../../../oracle/slice-facts.ts';
import { mixedConvNet, save } from '../nets.ts';
import { codesOf, openFile, tensorsAt } from './open-net.ts';
import {
  convolutions,
  denseVariants,
  inceptionBlock,
  layouts,
  residual,
  type SmallNet,
} from './small-nets.ts';

const NETS: readonly (readonly [string, SmallNet, Expected])[] = [
  ['dense layers of every form', denseVariants(), { taps: ['z1', 'z2', 'z3'], logits: 'scores' }],
  ['convolutions and average pools of every form', convolutions(), { taps: ['z1', 'z2', 'z3', 'z4'] }],
  [
    'inception branches with max-pools',
    inceptionBlock(),
    {
      taps: [
        ...['z_stem', 'z_one', 'z_low3', 'z_three', 'z_low5', 'z_five', 'pooled', 'z_pool', 'small'],
        ...['z_last', 'top'],
      ],
    },
  ],
  ['residual sums', residual(), { taps: ['z1', 'z2', 'z3', 'sum2'] }],
  ['operators that move entries', layouts(), { taps: ['z1', 'z2'] }],
  [
    'branches, BatchNorm, Clip and PRelu',
    { net: mixedConvNet(), shape: [2, 7, 5] },
    { taps: ['z1', 'z2', 'z3', 'pool', 'z4', 'z5'] },
  ],
];

/** Intervals of a segment that are looked at: the plain evaluation is slow. */
const MOST_INTERVALS = 25;

interface Expected {
  readonly taps: readonly string[];
  /** @default 'logits' */
  readonly logits?: string;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-piecewise-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(NETS)('%s', (name, { net: proto, shape }, { taps, logits = 'logits' }) => {
  // As the file has it: attributes are float32.
  const graph = decodeModel(encodeModel(proto)).graph as GraphProto;
  const size = shape.reduce((a, b) => a * b, 1);
  let network: Network;
  let net: PiecewiseNet;
  beforeAll(async () => {
    network = await openFile(await save(folder, `${name}.onnx`, proto), shape);
    net = await network.piecewise({ from: 'input' });
  });
  afterAll(async () => {
    await net?.close();
    await network?.close();
  });

  it('is exact from the input on, with these taps and logits', () => {
    expect(network.inexact('input')).toEqual([]);
    expect(network.logits).toBe(logits);
    expect(net.dtype).toBe('float64');
    expect(net.taps.map((tap) => tap.name)).toEqual(taps);
    expect(network.pools.map((tap) => tap.name)).toEqual(net.taps.filter(isPool).map((tap) => tap.name));
  });

  it('has states and outputs to 1e-12 of the plain evaluation', async () => {
    const points = 5;
    const all = randomPoints(size, points, 1);
    let values = all;
    for (const [stage, { width, taps: units }] of net.stages.entries()) {
      values = await net.advance(stage, values, points);
      for (let point = 0; point < points; point++) {
        const tensors = tensorsAt(graph, shape, all.subarray(point * size, (point + 1) * size));
        for (const of of units) {
          const tap = net.taps[of.tap]!.name;
          const tensor =
            of.kind === 'relu' ? tap : graph.node.find(({ output }) => output[0] === tap)!.input[0]!;
          const { data } = tensors.get(tensor)!;
          const row = values.subarray(point * width + of.offset, point * width + of.offset + data.length);
          expect(relativeGap(row, data), `${tap} at point ${point}`).toBeLessThan(1e-12);
        }
      }
    }
    values = await net.advance(net.stages.length, values, points);
    for (let point = 0; point < points; point++) {
      const { data } = tensorsAt(graph, shape, all.subarray(point * size, (point + 1) * size)).get(logits)!;
      expect(relativeGap(values.subarray(point * net.outputs, (point + 1) * net.outputs), data)).toBeLessThan(
        1e-12,
      );
    }
  });

  it('has the dense shortcut only where it is the step', async () => {
    for (let stage = 1; stage <= net.stages.length; stage++) {
      const step = net.dense(stage);
      if (step === null) continue;
      const inputs = net.stages[stage - 1]!.width;
      const state = randomPoints(inputs, 1, stage);
      const next = await net.advance(stage, state, 1);
      const a = state.map((z, i) => (z > 0 ? z : step.negativeSlopes[i]! * z));
      const product = step.bias.map((b, out) =>
        a.reduce((sum, x, i) => sum + step.weights[out * inputs + i]! * x, b),
      );
      expect(relativeGap(next, product)).toBeLessThan(1e-12);
    }
  });

  it('crosses on segments what the plain evaluation crosses, and is affine between', async () => {
    const count = 3;
    const [from, to] = [randomPoints(size, count, 2), randomPoints(size, count, 3)];
    const found = await crossingsOnSegments(net, { from, to, outputs: 'at-breakpoints' });
    let changes = 0;
    for (let i = 0; i < count; i++) {
      const ends = [from, to].map((points) => points.subarray(i * size, (i + 1) * size));
      changes += checkAgainst(found[i]!, (t) => tensorsAt(graph, shape, pointOn(ends[0]!, ends[1]!, t)), {
        net,
        graph,
        logits,
      });
    }
    expect(changes).toBeGreaterThan(20);
  });

  it('has the same outputs from every start space that it offers', async () => {
    const point = randomPoints(size, 1, 4);
    const tensors = tensorsAt(graph, shape, point);
    expect(network.startSpaces.length).toBeGreaterThan(1);
    for (const space of network.startSpaces) {
      const start = space.name === 'input' ? point : tensors.get(space.name)!.data;
      expect(start.length).toBe(space.size);
      const behind = await network.piecewise({ from: space.name });
      const names = network.taps.slice(space.tapsBefore).map((tap) => tap.name);
      expect(behind.taps.filter((tap) => !isPool(tap)).map((tap) => tap.name)).toEqual(names);
      let values: Float64Array = Float64Array.from(start);
      for (let stage = 0; stage <= behind.stages.length; stage++)
        values = await behind.advance(stage, values, 1);
      expect(relativeGap(values, tensors.get(logits)!.data), space.name).toBeLessThan(1e-12);
      await behind.close();
    }
  });

  it('is cut into polygons that have the code of the plain evaluation', async () => {
    const rows = [5, 6, 7].map((seed) => randomPoints(size, 1, seed));
    const margin = taps.length > 4 || size > 50 ? -0.46 : -0.3;
    const plane = planeThroughRows(rows as [Float64Array, Float64Array, Float64Array], { margin });
    const partition = await partitionSlice(net, plane);
    const { polygons } = partition;
    expect(polygons.count).toBeGreaterThan(10);
    const step = Math.ceil(polygons.count / 30);
    for (let polygon = 0; polygon < polygons.count; polygon += step) {
      if (polygons.areas[polygon]! < 1e-9) continue;
      const tensors = tensorsAt(graph, shape, liftToStart(plane, middleOf(partition, polygon)));
      const bits = codesOf(net, graph, tensors).filter((_, tap) => !isPool(net.taps[tap]!));
      expect([...codeOf(polygons, polygon)]).toEqual(words(bits));
      const scores = tensors.get(logits)!.data;
      expect(polygons.classes[polygon]).toBe(scores.indexOf(Math.max(...scores)));
    }
  });
});

describe('a net of which only some taps are asked for', () => {
  it('still bends where the others are', async () => {
    const { net: proto, shape } = denseVariants();
    const file = await save(folder, 'some.onnx', proto);
    const network = await openFile(file, shape, { taps: ['z2'] });
    const net = await network.piecewise({ from: 'input' });
    expect(network.taps.map(({ name }) => name)).toEqual(['z2']);
    expect(net.taps.map(({ name }) => name)).toEqual(['z1', 'z2', 'z3']);
    await net.close();
    await network.close();
  });
});

describe('controls', () => {
  it('have other weights, the same for the same seed', async () => {
    const { net: proto, shape } = residual();
    const file = await save(folder, 'controlled.onnx', proto);
    const point = randomPoints(6, 1, 8);
    const outputs = async (kind: 'trained' | 'random_init' | 'weight_permuted', seed: number) => {
      const network = await openFile(file, shape, { variant: { kind, seed } });
      const net = await network.piecewise({ from: 'input' });
      let values = point;
      for (let stage = 0; stage <= net.stages.length; stage++) values = await net.advance(stage, values, 1);
      await net.close();
      await network.close();
      return values.join();
    };
    const variants = [
      await outputs('trained', 0),
      await outputs('random_init', 1),
      await outputs('random_init', 2),
      await outputs('weight_permuted', 1),
    ];
    expect(new Set(variants).size).toBe(4);
    expect(await outputs('random_init', 1)).toBe(variants[1]);
  });
});

/**
 * Holds flips against codes at the middle of every interval between breakpoints, and outputs against straight lines there.
 * @returns how many changes there were.
 */
function checkAgainst(
  { flips, breakpoints, outputs, tapHamming }: PathCrossings,
  tensorsOn: (t: number) => ReturnType<typeof tensorsAt>,
  { net, graph, logits }: { net: PiecewiseNet; graph: GraphProto; logits: string },
): number {
  const start = codesOf(net, graph, tensorsOn(0));
  const code: number[][] = start.map((bits) => bits.map((bit) => (bit > 0 ? 1 : 0)));
  const width = outputs!.length / breakpoints.length;
  // A wrong flip stays wrong, so some intervals tell of all flips before them.
  const every = Math.ceil(breakpoints.length / MOST_INTERVALS);
  let flip = 0;
  for (let i = 1; i < breakpoints.length; i++) {
    const [a, b] = [breakpoints[i - 1]!, breakpoints[i]!];
    for (; flip < flips.t.length && flips.t[flip]! <= a + 1e-13; flip++) {
      const [tap, unit] = [flips.tap[flip]!, flips.unit[flip]!];
      if (flips.isPool[flip] === 0) expect(code[tap]![unit]).toBe(1 - flips.toOn[flip]!);
      code[tap]![unit] = flips.toOn[flip]!;
    }
    if (b - a < 1e-9 || i % every !== 0) continue;
    const tensors = tensorsOn((a + b) / 2);
    const seen = codesOf(net, graph, tensors);
    seen.forEach((bits, tap) => {
      const isBit = !isPool(net.taps[tap]!);
      if (isBit) expect(code[tap]).toEqual(bits);
    });
    const mean = Float64Array.from(
      { length: width },
      (_, k) => (outputs![(i - 1) * width + k]! + outputs![i * width + k]!) / 2,
    );
    expect(relativeGap(mean, tensors.get(logits)!.data)).toBeLessThan(1e-10);
  }
  const end = codesOf(net, graph, tensorsOn(1));
  expect([...tapHamming]).toEqual(
    start.map((bits, tap) => bits.filter((bit, unit) => bit !== end[tap]![unit]).length),
  );
  return flips.t.length;
}

function isPool({ kind }: { readonly kind: string }): boolean {
  return kind === 'pool';
}

function randomPoints(size: number, points: number, seed: number): Float64Array {
  const random = randomStream(seed, 31);
  return Float64Array.from({ length: size * points }, () => 1.5 * random.normal());
}

function pointOn(from: Float64Array, to: Float64Array, t: number): Float64Array {
  return from.map((x, i) => x + t * (to[i]! - x));
}

/** Largest difference over the largest value. */
function relativeGap(a: Float64Array, b: Float64Array): number {
  expect(a.length).toBe(b.length);
  const most = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0) / most;
}

function words(bits: readonly (readonly number[])[]): number[] {
  return bits.flatMap((tap) => {
    const packed = new Array<number>(Math.ceil(tap.length / 32)).fill(0);
    for (const [i, bit] of tap.entries()) packed[i >> 5]! |= bit << (i & 31);
    return packed.map((word) => word >>> 0);
  });
}
