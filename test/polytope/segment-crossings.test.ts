// Exact crossings on segments of dense networks: known fixtures, an independent solver, brute force, and what must not
// depend on how the path is written or cut up.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { PathCrossings } from '../../activities/polytope/crossing-events.ts';
import {
  type CrossingOptions,
  crossingsOnChords,
  crossingsOnSegments,
} from '../../activities/polytope/segment-crossings.ts';
import { bruteForceChanges } from '../oracle/brute-force-crossings.ts';
import { bitsAt, eventDrivenFlips } from '../oracle/event-driven-crossings.ts';
import { type DenseLayer, denseNet, randomLayers } from '../oracle/piecewise-reference.ts';

const ABS_FOLD: DenseLayer[] = [
  {
    weights: [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ],
    bias: [0, 0, 0, 0],
  },
  {
    weights: [
      [1, 1, 1, 1],
      [1, 1, -1, -1],
    ],
    bias: [-1, 0],
  },
  output(2),
];

describe('fixtures', () => {
  it.each(['with', 'without'])(
    'abs fold: 5 events, 6 flips, 2 differing bits (%s the dense shortcut)',
    async (how) => {
      const net = denseNet(ABS_FOLD, { shortcut: how === 'with' });
      const found = await onSegment(net, [-2, 0.3], [2, 0.3]);
      expect([found.crossings, found.events, found.hamming, found.exact]).toEqual([6, 5, 2, true]);
      const x = [...found.flips.t].map((t) => Math.round((4 * t - 2) * 1e12) / 1e12);
      expect(x).toEqual([-0.7, -0.3, 0, 0, 0.3, 0.7]);
      expect([...found.flips.event]).toEqual([0, 1, 2, 2, 3, 4]);
      expect([...found.tapCrossings]).toEqual([2, 4]);
      expect([...found.tapHamming]).toEqual([2, 0]);
    },
  );

  it.each([1, 2, 3, 6, 10])(
    'tent of %i layers: layer l has 2^(l-1) crossings, touches do not count',
    async (depth) => {
      // Two units a layer: relu(x), always on inside, and relu(x - 1/2), which crosses.
      const first = { weights: [[1], [1]], bias: [0, -0.5] };
      const next = {
        weights: [
          [2, -4],
          [2, -4],
        ],
        bias: [0, -0.5],
      };
      const layers = [first, ...new Array<DenseLayer>(depth - 1).fill(next), output(2)];
      for (const shortcut of [true, false]) {
        const found = await onSegment(denseNet(layers, { shortcut }), [1e-9], [1 - 1e-9]);
        const expected = Array.from({ length: depth }, (_, layer) => 2 ** layer);
        expect([...found.tapCrossings]).toEqual(expected);
        expect(found.crossings).toBe(2 ** depth - 1);
      }
    },
  );

  it.each([1, 7, 40])('a line through one layer of %i units crosses each of them', async (n) => {
    const random = randomStream(n);
    // Every hyperplane meets the line at a place of its own inside the segment.
    const weights = Array.from({ length: n }, () => [1 + random.uniform(), random.normal(), random.normal()]);
    const bias = weights.map((row, i) => -row[0]! * ((i + 0.5 * random.uniform()) / n));
    const found = await onSegment(denseNet([{ weights, bias }, output(n)]), [0, 0, 0], [1, 0, 0]);
    expect([found.crossings, found.events, found.hamming]).toEqual([n, n, n]);
    expect([...found.flips.unit]).toEqual([...weights.keys()]);
    found.flips.t.forEach((t, i) => {
      expect(t).toBeCloseTo(-bias[i]! / weights[i]![0]!, 14);
    });
  });

  it('a tie is off: a segment that starts on a boundary crosses it there', async () => {
    const net = denseNet([{ weights: [[1]], bias: [0] }, output(1)]);
    const away = await onSegment(net, [0], [1]);
    expect([away.crossings, away.hamming, away.flips.t[0]]).toEqual([1, 1, 0]);
    const towards = await onSegment(net, [1], [0]);
    expect([towards.crossings, towards.hamming, towards.flips.t[0]]).toEqual([1, 1, 1]);
    const below = await onSegment(net, [0], [-1]);
    expect([below.crossings, below.hamming]).toEqual([0, 0]);
  });

  it('a unit that stays 0 on the way, or is constant, does not cross', async () => {
    const layer = {
      weights: [
        [1, 0],
        [0, 0],
        [0, 0],
      ],
      bias: [0, 0, 3],
    };
    const found = await onSegment(denseNet([layer, output(3)]), [0, -1], [0, 1]);
    expect([found.crossings, found.events]).toEqual([0, 0]);
  });
});

describe.each(['with', 'without'])('random nets, %s the dense shortcut', (how) => {
  const shortcut = how === 'with';

  it.each(seeds(20))('agree with the event-driven solver to 1e-7 (6-16-16-16-16, seed %i)', async (seed) => {
    const { layers, from, to } = randomCase([6, 16, 16, 16, 16, 3], seed);
    const found = await onSegment(denseNet(layers, { shortcut }), from, to);
    expectFlips(found, eventDrivenFlips(layers, from, to), 1e-7);
    expect(found.crossings).toBeGreaterThan(3);
  });

  it.each(seeds(5))('with leaky units agree as well (seed %i)', async (seed) => {
    const { layers, from, to } = randomCase([6, 16, 16, 16, 16, 3], seed, { negativeSlope: 0.2 });
    const found = await onSegment(denseNet(layers, { shortcut }), from, to);
    expectFlips(found, eventDrivenFlips(layers, from, to), 1e-7);
  });

  it.each(seeds(10))(
    'flips have the parity of the differing bits, never fewer, and as many in the first layer (seed %i)',
    async (seed) => {
      const { layers, from, to } = randomCase([4, 24, 24, 24, 24, 2], seed);
      const found = await onSegment(denseNet(layers, { shortcut }), from, to);
      const [a, b] = [bitsAt(layers.slice(0, -1), from), bitsAt(layers.slice(0, -1), to)];
      const flips = new Map<string, number>();
      found.flips.unit.forEach((unit, i) => {
        const key = `${found.flips.tap[i]} ${unit}`;
        flips.set(key, (flips.get(key) ?? 0) + 1);
      });
      a.forEach((bits, tap) => {
        bits.forEach((bit, unit) => {
          const count = flips.get(`${tap} ${unit}`) ?? 0;
          expect(count % 2).toBe(bit === b[tap]![unit] ? 0 : 1);
        });
        const differing = bits.filter((bit, unit) => bit !== b[tap]![unit]).length;
        expect(found.tapHamming[tap]).toBe(differing);
        expect(found.tapCrossings[tap]).toBeGreaterThanOrEqual(differing);
      });
      expect(found.tapCrossings[0]).toBe(found.tapHamming[0]);
      expect(found.crossings).toBeGreaterThan(found.hamming);
    },
  );
});

describe('brute force', () => {
  it.each(seeds(3))(
    'sees nothing that is not found, and everything where gaps are wide (seed %i)',
    async (seed) => {
      const samples = 200_000;
      const { layers, from, to } = randomCase([5, 12, 12, 12, 2], seed);
      const hidden = layers.slice(0, -1);
      const found = await onSegment(denseNet(layers), from, to);
      const seen = bruteForceChanges(
        (t) =>
          bitsAt(
            hidden,
            from.map((x, i) => x + t * (to[i]! - x)),
          ),
        samples,
      );
      const wide = closestOfOneUnit(found) > 2 / samples;
      expect(seen.length).toBeLessThanOrEqual(found.crossings);
      if (wide)
        expectFlips(
          found,
          seen.map((change) => ({ ...change, toOn: change.becomes === 1 })),
          1e-10,
        );
      expect(wide).toBe(true);
    },
    120_000,
  );
});

describe('Clip', () => {
  it('bends at its top without a flip, and the crossings behind it are right', async () => {
    const layers = randomLayers([3, 10, 10, 10, 2], randomStream(5), { biasScale: 1 });
    const net = denseNet(layers, { bends: [0, 0.7] });
    const [from, to] = [
      [-2, 1, 0.3],
      [2, -0.4, 1.1],
    ];
    const found = await onSegment(net, from, to);
    const bits = (t: number) => {
      const point = Float64Array.from(from, (x, i) => x + t * (to[i]! - x));
      return net
        .forward(point)
        .slice(0, -1)
        .map((z) => z.map((value) => (value > 0 ? 1 : 0)));
    };
    const seen = bruteForceChanges(bits, 20_000);
    expect(closestOfOneUnit(found)).toBeGreaterThan(1e-4);
    expectFlips(
      found,
      seen.map((change) => ({ ...change, toOn: change.becomes === 1 })),
      1e-10,
    );
    expect(found.breakpoints.length).toBeGreaterThan(found.events + 2);
  });
});

describe('invariances', () => {
  it.each(seeds(4))('the way back has the same crossings at 1 - t (seed %i)', async (seed) => {
    const { layers, from, to } = randomCase([6, 20, 20, 20, 2], seed);
    const there = await onSegment(denseNet(layers), from, to);
    const back = await onSegment(denseNet(layers), to, from);
    const turned = Array.from(back.flips.t, (t, i) => ({
      t: 1 - t,
      tap: back.flips.tap[i]!,
      unit: back.flips.unit[i]!,
      toOn: back.flips.toOn[i] === 0,
    })).reverse();
    expectFlips(there, turned, 1e-9);
  });

  it.each(seeds(4))('two parts of a segment have the crossings of the whole (seed %i)', async (seed) => {
    const { layers, from, to } = randomCase([6, 20, 20, 20, 2], seed);
    const middle = from.map((x, i) => x + 0.37 * (to[i]! - x));
    const whole = await onSegment(denseNet(layers), from, to);
    const [first, second] = [
      await onSegment(denseNet(layers), from, middle),
      await onSegment(denseNet(layers), middle, to),
    ];
    const joined = [
      ...flipsOf(first).map((flip) => ({ ...flip, t: 0.37 * flip.t })),
      ...flipsOf(second).map((flip) => ({ ...flip, t: 0.37 + 0.63 * flip.t })),
    ];
    expectFlips(whole, joined, 1e-9);
    const chords = await crossingsOnChords(denseNet(layers), {
      vertices: Float64Array.from([...from, ...middle, ...to]),
      t: Float64Array.of(0, 0.37, 1),
      firstVertex: Int32Array.of(0, 3),
    });
    expectFlips(whole, flipsOf(chords[0]!), 1e-9);
    expect(chords[0]!.hamming).toBe(whole.hamming);
  });

  it('permuting hidden units permutes the flips', async () => {
    const { layers, from, to } = randomCase([6, 16, 16, 2], 3);
    const order = Array.from({ length: 16 }, (_, i) => (5 * i + 3) % 16);
    const [first, second, last] = layers as [DenseLayer, DenseLayer, DenseLayer];
    const permuted = [
      { weights: order.map((i) => first.weights[i]!), bias: order.map((i) => first.bias[i]!) },
      { ...second, weights: second.weights.map((row) => order.map((i) => row[i]!)) },
      last,
    ];
    const plain = await onSegment(denseNet(layers), from, to);
    const moved = flipsOf(await onSegment(denseNet(permuted), from, to));
    expectFlips(
      plain,
      moved.map((flip) => (flip.tap === 0 ? { ...flip, unit: order[flip.unit]! } : flip)),
      1e-10,
    );
  });

  it('scaling units by positive factors, and the next weights by their inverse, keeps the flips', async () => {
    const { layers, from, to } = randomCase([6, 16, 16, 2], 4);
    const [first, second, last] = layers as [DenseLayer, DenseLayer, DenseLayer];
    const factor = (i: number) => 10 ** ((i % 5) - 2);
    const scaled = [
      {
        weights: first.weights.map((row, i) => row.map((w) => factor(i) * w)),
        bias: first.bias.map((b, i) => factor(i) * b),
      },
      { ...second, weights: second.weights.map((row) => row.map((w, i) => w / factor(i))) },
      last,
    ];
    expectFlips(
      await onSegment(denseNet(layers), from, to),
      flipsOf(await onSegment(denseNet(scaled), from, to)),
      1e-10,
    );
  });

  it('an affine change of input coordinates keeps the flips', async () => {
    const { layers, from, to } = randomCase([2, 16, 16, 2], 6);
    // x = M y + s, so y = M^-1 (x - s).
    const [m, s] = [
      [
        [2, 1],
        [-0.5, 1.5],
      ] as const,
      [0.3, -0.8],
    ];
    const det = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    const inverse = ([x, y]: readonly number[]) => {
      const [p, q] = [x! - s[0]!, y! - s[1]!];
      return [(m[1][1] * p - m[0][1] * q) / det, (m[0][0] * q - m[1][0] * p) / det];
    };
    const [first, ...rest] = layers as [DenseLayer, ...DenseLayer[]];
    const changed = {
      weights: first.weights.map(([a, b]) => [a! * m[0][0] + b! * m[1][0], a! * m[0][1] + b! * m[1][1]]),
      bias: first.bias.map((c, i) => c + first.weights[i]![0]! * s[0]! + first.weights[i]![1]! * s[1]!),
    };
    const plain = await onSegment(denseNet(layers), from, to);
    expectFlips(
      plain,
      flipsOf(await onSegment(denseNet([changed, ...rest]), inverse(from), inverse(to))),
      1e-10,
    );
  });

  it('without biases a ray from the origin crosses nothing', async () => {
    const layers = randomLayers([6, 16, 16, 2], randomStream(8), { biasScale: 0 });
    const point = randomCase([6, 1], 8).to;
    const found = await onSegment(
      denseNet(layers),
      point.map((x) => 0.01 * x),
      point.map((x) => 40 * x),
    );
    expect([found.crossings, found.hamming]).toEqual([0, 0]);
  });
});

describe('how the work is cut', () => {
  const { layers } = randomCase([8, 40, 40, 40, 3], 9);
  const random = randomStream(77);
  const points = () => Float64Array.from({ length: 8 * 12 }, () => 2 * random.normal());
  const request = { from: points(), to: points() };
  const whole = { outputs: 'at-breakpoints', lengths: 'per-tap' } as const;

  it.each<CrossingOptions & { shortcut: boolean }>([
    { shortcut: true, pointsPerAdvance: 3 },
    { shortcut: true, stageBytes: 4096 },
    { shortcut: false, pointsPerAdvance: 3 },
    { shortcut: false, pointsPerAdvance: 17 },
    { shortcut: false },
  ])('does not change what is found: %o', async ({ shortcut, ...options }) => {
    const expected = await crossingsOnSegments(denseNet(layers), { ...request, ...whole });
    const found = await crossingsOnSegments(denseNet(layers, { shortcut }), {
      ...request,
      ...whole,
      ...options,
    });
    expect(found.length).toBe(12);
    found.forEach((path, i) => {
      expectFlips(path, flipsOf(expected[i]!), 1e-9);
      expect(path.hamming).toBe(expected[i]!.hamming);
      expect(path.breakpoints.length).toBe(expected[i]!.breakpoints.length);
      expect(worst(path.outputs!, expected[i]!.outputs!)).toBeLessThan(1e-9);
      expect(worst(path.lengths!.after, expected[i]!.lengths!.after)).toBeLessThan(1e-9);
    });
  });

  it('asks for no more points at once than allowed', async () => {
    const net = denseNet(layers, { shortcut: false });
    await crossingsOnSegments(net, { ...request, pointsPerAdvance: 10 });
    expect(Math.max(...net.calls)).toBeLessThanOrEqual(10);
  });

  it('gives the same bytes twice', async () => {
    const [a, b] = await Promise.all(
      [1, 2].map(() => crossingsOnSegments(denseNet(layers), { ...request, ...whole })),
    );
    expect(a).toEqual(b);
  });
});

describe('what else is reported', () => {
  const { layers, from, to } = randomCase([6, 20, 20, 3], 12);
  const net = denseNet(layers);
  const at = (t: number) => Float64Array.from(from, (x, i) => x + t * (to[i]! - x));

  it('outputs at breakpoints are those of the net, which is affine between them', async () => {
    const found = await onSegment(net, from, to, { outputs: 'at-breakpoints' });
    const { breakpoints, outputs } = found;
    expect([breakpoints[0], breakpoints.at(-1)]).toEqual([0, 1]);
    expect(breakpoints.length).toBe(found.events + 2);
    breakpoints.forEach((t, i) => {
      expect(worst(outputs!.subarray(3 * i, 3 * i + 3), net.forward(at(t)).at(-1)!)).toBeLessThan(1e-10);
      if (i === 0) return;
      const middle = net.forward(at((t + breakpoints[i - 1]!) / 2)).at(-1)!;
      const mean = middle.map((_, k) => (outputs![3 * i + k]! + outputs![3 * i - 3 + k]!) / 2);
      expect(worst(middle, mean)).toBeLessThan(1e-10);
    });
  });

  it.each([0, 0.3])('lengths are those of a fine polyline (slope %f below 0)', async (negativeSlope) => {
    const leaky = layers.map((layer) => ({ ...layer, negativeSlopes: layer.bias.map(() => negativeSlope) }));
    const reference = denseNet(leaky);
    const { lengths } = await onSegment(reference, from, to, { lengths: 'per-tap' });
    const fine = 40_000;
    const images = Array.from({ length: fine + 1 }, (_, i) => reference.forward(at(i / fine)));
    for (const tap of [0, 1]) {
      const before = polyline(images.map((states) => states[tap]!));
      const after = polyline(
        images.map((states) => states[tap]!.map((z) => (z > 0 ? z : negativeSlope * z))),
      );
      expect(Math.abs(lengths!.before[tap]! / before - 1)).toBeLessThan(1e-5);
      expect(Math.abs(lengths!.after[tap]! / after - 1)).toBeLessThan(1e-5);
    }
  });
});

describe('bad input', () => {
  const net = denseNet(randomLayers([2, 4, 1], randomStream(1)));

  it('names identical end points, values that are not finite, and odd sizes', async () => {
    await expect(onSegment(net, [1, 2], [1, 2])).rejects.toThrow(/segment 0: identical end points/);
    await expect(onSegment(net, [1, 2], [1, Number.NaN])).rejects.toThrow(
      /segment 0, component 1: .*not finite \(NaN\)/,
    );
    await expect(onSegment(net, [1, 2], [1, 2, 3])).rejects.toThrow(/input: .*whole points of 2 values/);
    await expect(onSegment(net, [1, 2], [1, 2], { nameOf: (i) => `pair ${i + 7}` })).rejects.toThrow(
      /pair 7: identical/,
    );
  });

  it('names the tap that overflows', async () => {
    const huge = denseNet([{ weights: [[1e308]], bias: [0] }, { weights: [[1e308]], bias: [0] }, output(1)]);
    await expect(onSegment(huge, [1], [2])).rejects.toThrow(/segment 0: .*layer1.*not finite/);
  });

  it('stops when it is told to', async () => {
    await expect(onSegment(net, [1, 2], [3, 4], { signal: AbortSignal.abort() })).rejects.toThrow(/aborted/);
  });

  it('finds nothing on no segments', async () => {
    expect(await crossingsOnSegments(net, { from: new Float64Array(), to: new Float64Array() })).toEqual([]);
  });
});

function output(inputs: number): DenseLayer {
  return { weights: [new Array<number>(inputs).fill(1)], bias: [0] };
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

function randomCase(sizes: readonly number[], seed: number, options: { negativeSlope?: number } = {}) {
  const random = randomStream(seed);
  const layers = randomLayers(sizes, random, options);
  const point = () => Array.from({ length: sizes[0]! }, () => 1.5 * random.normal());
  return { layers, from: point(), to: point() };
}

async function onSegment(
  net: Parameters<typeof crossingsOnSegments>[0],
  from: readonly number[],
  to: readonly number[],
  options: CrossingOptions = {},
): Promise<PathCrossings> {
  const ends = { from: Float64Array.from(from), to: Float64Array.from(to) };
  const [found] = await crossingsOnSegments(net, { ...ends, ...options });
  return found!;
}

interface Flip {
  readonly t: number;
  readonly tap: number;
  readonly unit: number;
  readonly toOn: boolean;
}

function flipsOf({ flips }: PathCrossings): Flip[] {
  return Array.from(flips.t, (t, i) => ({
    t,
    tap: flips.tap[i]!,
    unit: flips.unit[i]!,
    toOn: flips.toOn[i] === 1,
  }));
}

/** The same flips of the same units, at places that agree. */
function expectFlips(found: PathCrossings, expected: readonly Flip[], tolerance: number): void {
  const order = (a: Flip, b: Flip) => a.tap - b.tap || a.unit - b.unit || a.t - b.t;
  const [left, right] = [flipsOf(found).sort(order), [...expected].sort(order)];
  const name = ({ tap, unit, toOn }: Flip) => `${tap}.${unit} ${toOn ? 'on' : 'off'}`;
  expect(left.map(name)).toEqual(right.map(name));
  expect(Math.max(0, ...left.map(({ t }, i) => Math.abs(t - right[i]!.t)))).toBeLessThan(tolerance);
}

function closestOfOneUnit(found: PathCrossings): number {
  const last = new Map<string, number>();
  let closest = 1;
  for (const { tap, unit, t } of flipsOf(found)) {
    closest = Math.min(closest, t - (last.get(`${tap}.${unit}`) ?? -1));
    last.set(`${tap}.${unit}`, t);
  }
  return closest;
}

function worst(a: Float64Array, b: Float64Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

function polyline(points: readonly Float64Array[]): number {
  return points.slice(1).reduce((sum, point, i) => {
    return sum + Math.hypot(...point.map((value, k) => value - points[i]![k]!));
  }, 0);
}
