// E5: rows of slices against the forward pass, and what is refused.

import { describe, expect, it } from 'vitest';
import { sliceOptions } from '#schemas/experiments/slice.ts';
import { slice } from '../../activities/experiments/slice.ts';
import type { SliceConfig } from '../../activities/experiments/slice-design.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { digestRows, spanSeed } from '../../activities/polytope/digest.ts';
import { randomLayers } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const random = randomStream(15);
const LAYERS = randomLayers([5, 12, 12, 3], random);
const POINTS = Array.from({ length: 30 }, () =>
  Array.from({ length: 5 }, () => Math.fround(1.5 * random.normal())),
);
const LABELS = POINTS.map((_, i) => i % 5);

function run(options: object, { layers = LAYERS, samples = vectorSamples(POINTS, LABELS), seed = 3 } = {}) {
  const config = {
    kind: 'lens',
    experiment: 'slice',
    seed,
    profile: 'tiny',
    slice: sliceOptions.parse(options),
  } as unknown as SliceConfig;
  const networks = [
    denseNetwork(layers, TRAINED),
    denseNetwork(randomLayers([5, 12, 12, 3], randomStream(8)), { kind: 'random_init', seed: 1 }),
  ];
  return runInMemory(slice, {
    config,
    samples,
    networks: layers === LAYERS ? networks : networks.slice(0, 1),
  });
}

describe('planes through rows', () => {
  const done = run({ planes: [[2, 9, 14]] });

  it('are filled with polygons that have the code, the class and the slope of the forward pass', async () => {
    const { tables } = await done;
    const { model, digest, xy, area, pred_class, jac_fro, n_vertices } = tables.slice_polygons!;
    const { x0, x1, y0, y1, anchors } = tables.slices!;
    const own = [...model!.keys()].filter((row) => model![row] === 'trained');
    const box = (Number(x1![0]) - Number(x0![0])) * (Number(y1![0]) - Number(y0![0]));
    expect(own.reduce((sum, row) => sum + Number(area![row]), 0) / box).toBeCloseTo(1, 9);
    expect(tables.slices!.n_polygons![0]).toBe(own.length);
    const lift = liftThrough([2, 9, 14], anchors![0] as Float64Array);
    for (const row of own) {
      const corners = xy![row] as number[];
      expect(corners.length).toBe(2 * Number(n_vertices![row]));
      const [x, y] = [0, 1].map((k) => mean(corners.filter((_, i) => i % 2 === k))) as [number, number];
      const { bits, outputs } = forward(lift(x, y));
      expect([...(digest![row] as Uint8Array)]).toEqual(digestOf(bits));
      expect(pred_class![row]).toBe(outputs.indexOf(Math.max(...outputs)));
      if (Number(area![row]) < 1e-4) continue;
      const slope = [lift(x + 1e-6, y), lift(x, y + 1e-6)].flatMap((point) =>
        forward(point).outputs.map((value, k) => (value - outputs[k]!) / 1e-6),
      );
      expect(Math.hypot(...slope) / Number(jac_fro![row])).toBeCloseTo(1, 4);
    }
  });

  it('have edges between their polygons, and a decision boundary inside them', async () => {
    const { tables } = await done;
    const { model, layer_id, left, right, class_left, class_right } = tables.slice_edges!;
    const own = [...model!.keys()].filter((row) => model![row] === 'trained');
    const inner = own.filter((row) => Number(layer_id![row]) >= 0);
    // Vertices - edges + faces = 1, with the box edges among the edges.
    const drawn = own.filter((row) => Number(layer_id![row]) >= -1);
    const corners = new Set(drawn.flatMap((row) => [cornerOf(tables, row, 0), cornerOf(tables, row, 1)]));
    expect(corners.size - drawn.length + Number(tables.slices!.n_polygons![0])).toBe(1);
    for (const row of inner) expect(left![row]).not.toBe(right![row]);
    const decisions = own.filter((row) => layer_id![row] === -2);
    expect(decisions.length).toBeGreaterThan(0);
    for (const row of decisions) {
      expect(left![row]).toBe(right![row]);
      expect(class_left![row]).not.toBe(class_right![row]);
      expect(class_left![row]).not.toBeNull();
    }
    const length = decisions.reduce((sum, row) => {
      const [a, b] = [0, 1].map((end) =>
        cornerOf(tables, row, end as 0 | 1)
          .split(',')
          .map(Number),
      );
      return sum + Math.hypot(a![0]! - b![0]!, a![1]! - b![1]!);
    }, 0);
    expect(tables.slices!.decision_length![0]).toBeCloseTo(length, 9);
  });

  it('have one region per code, with its neighbours, its classes and its area', async () => {
    const { tables } = await done;
    const { xy, area, pred_class } = tables.slice_polygons!;
    const { model, digest, count, n_neighbors_h1, class_ids, area: areas } = tables.regions!;
    const lift = liftThrough([2, 9, 14], tables.slices!.anchors![0] as Float64Array);
    const codes = new Map<string, { bits: number[]; area: number; classes: Set<number> }>();
    const own = [...model!.keys()].filter((row) => model![row] === 'trained');
    for (const row of tables.slice_polygons!.model!.keys()) {
      if (tables.slice_polygons!.model![row] !== 'trained') continue;
      const corners = xy![row] as number[];
      const [x, y] = [0, 1].map((k) => mean(corners.filter((_, i) => i % 2 === k))) as [number, number];
      const { bits } = forward(lift(x, y));
      const key = digestOf(bits).join();
      const known = codes.get(key) ?? { bits: bits.flat(), area: 0, classes: new Set() };
      codes.set(key, { ...known, area: known.area + Number(area![row]) });
      known.classes.add(Number(pred_class![row]));
    }
    expect(own.length).toBe(codes.size);
    let neighbours = 0;
    for (const row of own) {
      const code = codes.get([...(digest![row] as Uint8Array)].join())!;
      const near = [...codes.values()].filter(
        ({ bits }) => bits.filter((bit, i) => bit !== code.bits[i]).length === 1,
      );
      neighbours += near.length;
      expect(n_neighbors_h1![row]).toBe(near.length);
      expect(areas![row]).toBeCloseTo(code.area, 9);
      expect(count![row]).toBe(1);
      expect([...(class_ids![row] as Int32Array)]).toEqual([...code.classes]);
    }
    expect(neighbours).toBeGreaterThan(own.length);
  });

  it('are the same planes in every model', async () => {
    const { tables, plan } = await done;
    expect(tables.slices!.model).toEqual(['trained', 'random_init:1']);
    expect(tables.slices!.x1![0]).toBe(tables.slices!.x1![1]);
    expect(plan.points).toEqual([2, 9, 14]);
  });

  it('are drawn through three classes', async () => {
    const { plan } = await run({ planes: 6 });
    for (const plane of plan.design.planes!) expect(new Set(plane.map((row) => LABELS[row])).size).toBe(3);
    expect(new Set(plan.design.planes!.map(String)).size).toBe(6);
    expect((await run({ planes: 6 })).plan.design).toEqual(plan.design);
  });

  it('may lie behind layers', async () => {
    const { tables } = await run({ planes: [[2, 9, 14]], space: 'act1', margin: 0 });
    expect(new Set(tables.slices!.start_layer)).toEqual(new Set([1]));
    expect([...new Set(tables.slice_edges!.layer_id)].sort()).toEqual([-1, -2, 1].sort());
  });
});

describe('a box', () => {
  it('cuts up the input itself where it has two values', async () => {
    const layers = randomLayers([2, 8, 8, 2], randomStream(2));
    const { tables, plan } = await run({ box: { x: [-1, 2], y: [0, 1.5] } }, { layers });
    expect(plan.design.planes).toBeNull();
    expect(plan.points).toEqual([]);
    const total = tables.slice_polygons!.area!.reduce<number>((sum, area) => sum + Number(area), 0);
    expect(total).toBeCloseTo(4.5, 9);
  });
});

describe('what is refused', () => {
  it.each([
    ['a row that is not there', { planes: [[0, 1, 30]] }, /slice\.planes: there is no such row.*\(30\)/],
    ['a row that is named twice', { planes: [[0, 1, 1]] }, /not three different ones/],
    [
      'a box for more than two inputs',
      { box: { x: [0, 1], y: [0, 1] } },
      /spaces of two values, input has 5/,
    ],
    ['planes and a box', { planes: 1, box: { x: [0, 1], y: [0, 1] } }, /exclude each other/],
    [
      'more polygons than allowed',
      { planes: [[2, 9, 14]], maxPolygons: 10 },
      /more polygons than allowed \(10\)/,
    ],
    ['a space behind all taps', { planes: 1, space: 'act2' }, /no tap lies behind/],
  ])('%s', async (_, options, message) => {
    await expect(run(options)).rejects.toThrow(message);
  });

  it('rows on one line', async () => {
    const line = [0, 1, 2].map((i) => [i, 2 * i, 0, 0, 1]);
    await expect(run({ planes: [[0, 1, 2]] }, { samples: vectorSamples(line, null) })).rejects.toThrow(
      /one line/,
    );
  });

  it('a box without area, already in the config', () => {
    expect(() => sliceOptions.parse({ box: { x: [1, 1], y: [0, 1] } })).toThrow(/lower first/);
  });
});

type Tables = Awaited<ReturnType<typeof run>>['tables'];

function cornerOf(tables: Tables, row: number, end: 0 | 1): string {
  const { x0, y0, x1, y1 } = tables.slice_edges!;
  return end === 0 ? `${x0![row]},${y0![row]}` : `${x1![row]},${y1![row]}`;
}

/** Points of the plane through three rows, by their coordinates there. */
function liftThrough(rows: readonly number[], anchors: Float64Array): (x: number, y: number) => number[] {
  const [a, b, c] = rows.map((row) => POINTS[row]!) as [number[], number[], number[]];
  // The rows lie at (0, 0), (bx, 0) and (cx, cy).
  const [bx, cx, cy] = [anchors[2]!, anchors[4]!, anchors[5]!];
  expect([anchors[0], anchors[1]]).toEqual([0, 0]);
  expect(Math.abs(anchors[3]!)).toBeLessThan(1e-12);
  return (x, y) => {
    const toC = y / cy;
    const toB = (x - toC * cx) / bx;
    return a.map((value, i) => value + toB * (b[i]! - value) + toC * (c[i]! - value));
  };
}

function forward(point: readonly number[]): { bits: number[][]; outputs: number[] } {
  let x = [...point];
  const bits: number[][] = [];
  for (const [index, { weights, bias }] of LAYERS.entries()) {
    const z = bias.map((b, out) => x.reduce((sum, value, i) => sum + weights[out]![i]! * value, b));
    if (index === LAYERS.length - 1) return { bits, outputs: z };
    bits.push(z.map((value) => (value > 0 ? 1 : 0)));
    x = z.map((value) => Math.max(value, 0));
  }
  throw new Error('no layers');
}

/** The digest that a sweep gives the code of all taps. */
function digestOf(bits: readonly (readonly number[])[]): number[] {
  const words = Uint32Array.from(bits, (tap) => tap.reduce((word, bit, i) => word | (bit << i), 0) >>> 0);
  const out = new Uint32Array(4);
  digestRows(words, { rows: 1, wordsPerRow: words.length, seed: spanSeed('network'), out });
  return [...new Uint8Array(out.buffer)];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
