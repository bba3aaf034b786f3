// Crossings in convolutional nets with max-pooling and a residual branch, and the envelope of a pooling window.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { PathCrossings } from '../../activities/polytope/crossing-events.ts';
import type { PiecewiseNet } from '../../activities/polytope/piecewise-net.ts';
import { Envelope } from '../../activities/polytope/pool-envelope.ts';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { bruteForceChanges } from '../oracle/brute-force-crossings.ts';
import { convNet, type ReferenceNet } from '../oracle/piecewise-reference.ts';

describe.each(['behind-relu', 'before-relu'] as const)('a conv net with its max-pool %s', (pool) => {
  it.each([1, 2, 3])('has the flips and symbol changes that brute force sees (seed %i)', async (seed) => {
    const samples = 6_000;
    const { net, from, to } = randomCase(seed, pool);
    const [found] = await crossingsOnSegments(net, { from, to });
    const seen = bruteForceChanges((t) => codesAt(net, pointOn(from, to, t)), samples);
    expect(closestOfOneUnit(found!)).toBeGreaterThan(2 / samples);
    expect(namesOf(found!)).toEqual(
      seen.map(({ tap, unit, becomes }) => `${tap}.${unit} ${becomes > 0 ? 1 : 0}`).sort(),
    );
    const places = placesOf(found!);
    seen.sort(byUnit).forEach(({ t }, i) => {
      expect(Math.abs(t - places[i]!)).toBeLessThan(1e-9);
    });
    const pools = seen.filter(({ tap }) => net.taps[tap]!.kind === 'pool').length;
    expect(found!.poolCrossings).toBe(pools);
    expect(found!.crossings).toBe(seen.length - pools);
    expect(pools).toBeGreaterThan(5);
  });

  it('is affine between breakpoints, outputs included', async () => {
    const { net, from, to } = randomCase(5, pool);
    const [found] = await crossingsOnSegments(net, { from, to, outputs: 'at-breakpoints' });
    const { breakpoints, outputs } = found!;
    for (let i = 1; i < breakpoints.length; i++) {
      const [a, b] = [breakpoints[i - 1]!, breakpoints[i]!];
      const middle = net.forward(pointOn(from, to, (a + b) / 2)).at(-1)!;
      middle.forEach((value, k) => {
        expect(Math.abs(value - (outputs![3 * i - 3 + k]! + outputs![3 * i + k]!) / 2)).toBeLessThan(1e-11);
      });
    }
  });

  it('counts differing bits and symbols of the ends, with the parity of the bits', async () => {
    const { net, from, to } = randomCase(6, pool);
    const [found] = await crossingsOnSegments(net, { from, to });
    const [a, b] = [codesAt(net, from), codesAt(net, to)];
    a.forEach((codes, tap) => {
      const differing = Array.from(codes).filter((code, unit) => code !== b[tap]![unit]).length;
      expect(found!.tapHamming[tap]).toBe(differing);
      expect(found!.tapCrossings[tap]).toBeGreaterThanOrEqual(differing);
      if (net.taps[tap]!.kind !== 'pool') expect((found!.tapCrossings[tap]! - differing) % 2).toBe(0);
    });
  });

  it('does not depend on how the work is cut, nor on the direction', async () => {
    const { net, from, to } = randomCase(7, pool);
    const [whole] = await crossingsOnSegments(net, { from, to });
    const [cut] = await crossingsOnSegments(net, { from, to, pointsPerAdvance: 3 });
    expect(namesOf(cut!)).toEqual(namesOf(whole!));
    const [back] = await crossingsOnSegments(net, { from: to, to: from });
    expect([...back!.tapCrossings]).toEqual([...whole!.tapCrossings]);
    expect([...back!.tapHamming]).toEqual([...whole!.tapHamming]);
  });
});

describe('a convolution', () => {
  it('shifts its flips with the image, away from borders', async () => {
    const net = shiftedNet();
    const random = randomStream(4);
    const [from, to] = [patch(random), patch(random)];
    const here = await crossingsOnSegments(net, { from: placed(from, 2, 2), to: placed(to, 2, 2) });
    const there = await crossingsOnSegments(net, { from: placed(from, 4, 3), to: placed(to, 4, 3) });
    const moved = Array.from(here[0]!.flips.unit, (unit) => unit + 2 * SIDE + 1);
    const order = (units: ArrayLike<number>) => Array.from(units).sort((a, b) => a - b);
    expect(moved.length).toBeGreaterThan(5);
    expect(order(there[0]!.flips.unit)).toEqual(order(moved));
    expect([...there[0]!.flips.t]).toEqual([...here[0]!.flips.t]);
  });
});

describe('the envelope of a pooling window', () => {
  it.each(Array.from({ length: 30 }, (_, i) => i + 1))('is the maximum of its lines (seed %i)', (seed) => {
    const random = randomStream(seed);
    const size = 2 + (seed % 8);
    const envelope = new Envelope(size);
    for (let i = 0; i < size; i++) {
      // Small integers, so that ties and common points abound.
      envelope.left[i] = seed % 3 === 0 ? random.normal() : Math.round(2 * random.normal());
      envelope.right[i] = seed % 3 === 0 ? random.normal() : Math.round(2 * random.normal());
    }
    if (seed % 4 === 0) envelope.left[1] = envelope.right[1] = Number.NEGATIVE_INFINITY;
    envelope.trace(1e-13);
    for (let i = 0; i < envelope.count; i++) {
      const [a, b] = [envelope.place[i]!, i + 1 < envelope.count ? envelope.place[i + 1]! : 1];
      expect(b).toBeGreaterThanOrEqual(a);
      if (b - a < 1e-9) continue;
      for (const u of [0.1, 0.5, 0.9].map((share) => a + share * (b - a))) {
        const values = Array.from(envelope.left, (left, k) =>
          Number.isFinite(left) ? left + u * (envelope.right[k]! - left) : left,
        );
        const most = Math.max(...values);
        if (envelope.symbol[i] === 0) expect(most).toBeLessThanOrEqual(1e-12);
        else expect(values[envelope.symbol[i]! - 1]).toBeGreaterThan(most - 1e-12);
        if (envelope.symbol[i] !== 0) expect(most).toBeGreaterThan(0);
      }
    }
  });

  it('gives ties to the first', () => {
    const envelope = new Envelope(3);
    envelope.left.set([1, 2, 2]);
    envelope.right.set([5, 2, 2]);
    envelope.trace(0);
    expect(envelope.count).toBe(2);
    expect([...envelope.symbol.subarray(0, 2)]).toEqual([2, 1]);
    expect([...envelope.place.subarray(0, 2)]).toEqual([0, 0.25]);
  });
});

function randomCase(seed: number, pool: 'behind-relu' | 'before-relu') {
  const random = randomStream(seed);
  const net = convNet(random, pool);
  const image = () => Float64Array.from({ length: 36 }, () => random.normal());
  return { net, from: image(), to: image() };
}

function pointOn(from: Float64Array, to: Float64Array, t: number): Float64Array {
  return from.map((x, i) => x + t * (to[i]! - x));
}

/** Per tap bits, or symbols of the pool's windows. */
function codesAt(net: ReferenceNet, point: Float64Array): number[][] {
  const states = net.forward(point);
  const codes: number[][] = net.taps.map(() => []);
  net.stages.forEach(({ taps }, stage) => {
    for (const units of taps) {
      const row = states[stage]!.subarray(units.offset);
      codes[units.tap] =
        units.kind === 'relu'
          ? Array.from(row.subarray(0, units.units), (z) => (z > 0 ? 1 : 0))
          : symbolsOf(row, units.windows, units.windowSize);
    }
  });
  return codes;
}

function symbolsOf(row: Float64Array, windows: Int32Array, size: number): number[] {
  return Array.from({ length: windows.length / size }, (_, window) => {
    const values = Array.from(windows.subarray(window * size, (window + 1) * size), (column) => row[column]!);
    const most = Math.max(...values);
    return most > 0 ? 1 + values.indexOf(most) : 0;
  });
}

function byUnit(
  a: { tap: number; unit: number; t: number },
  b: { tap: number; unit: number; t: number },
): number {
  return a.tap - b.tap || a.unit - b.unit || a.t - b.t;
}

function changesOf({ flips }: PathCrossings) {
  return Array.from(flips.t, (t, i) => ({ t, tap: flips.tap[i]!, unit: flips.unit[i]!, on: flips.toOn[i]! }));
}

function namesOf(found: PathCrossings): string[] {
  return changesOf(found)
    .map(({ tap, unit, on }) => `${tap}.${unit} ${on}`)
    .sort();
}

function placesOf(found: PathCrossings): number[] {
  return changesOf(found)
    .sort(byUnit)
    .map(({ t }) => t);
}

function closestOfOneUnit(found: PathCrossings): number {
  const changes = changesOf(found).sort(byUnit);
  return changes.reduce((closest, { tap, unit, t }, i) => {
    const before = changes[i - 1];
    return before?.tap === tap && before.unit === unit ? Math.min(closest, t - before.t) : closest;
  }, 1);
}

const SIDE = 10;

/** One 3x3 convolution of a 10x10 image, one channel, padding 1. */
function shiftedNet(): PiecewiseNet {
  const random = randomStream(21);
  const kernel = Array.from({ length: 9 }, () => random.normal());
  const units = SIDE * SIDE;
  return {
    dtype: 'float64',
    start: { name: 'input', size: units, shape: [1, SIDE, SIDE] },
    taps: [
      {
        name: 'z',
        kind: 'conv',
        activation: 'Relu',
        channels: 1,
        height: SIDE,
        width: SIDE,
        codeBits: units,
        exact: true,
      },
    ],
    stages: [{ width: units, taps: [{ kind: 'relu', tap: 0, offset: 0, units, bends: [0] }] }],
    outputs: 0,
    async advance(_, values, points) {
      return Float64Array.from({ length: points * units }, (__, i) => {
        const [point, y, x] = [Math.floor(i / units), Math.floor(i / SIDE) % SIDE, i % SIDE];
        return kernel.reduce((sum, weight, k) => {
          const [v, u] = [y + Math.floor(k / 3) - 1, x + (k % 3) - 1];
          const isInside = v >= 0 && u >= 0 && v < SIDE && u < SIDE;
          return isInside ? sum + weight * values[point * units + v * SIDE + u]! : sum;
        }, 0.1);
      });
    },
    dense: () => null,
    close: async () => {},
  };
}

function patch(random: { normal(): number }): number[] {
  return Array.from({ length: 9 }, () => random.normal());
}

function placed(values: readonly number[], top: number, left: number): Float64Array {
  const image = new Float64Array(SIDE * SIDE);
  values.forEach((value, i) => {
    image[(top + Math.floor(i / 3)) * SIDE + left + (i % 3)] = value;
  });
  return image;
}
