// Crossings of networks whose codes can only be sampled: what is found, and that it is a lower bound.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { SampledNet } from '../../activities/polytope/piecewise-net.ts';
import { curveBetween } from '../../activities/polytope/polyline.ts';
import { sampledCrossings } from '../../activities/polytope/sampled-crossings.ts';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { denseNet, randomLayers, type ReferenceNet } from '../oracle/piecewise-reference.ts';

/** A network of one input with one unit per function. */
function netOf(...units: ((x: number) => number)[]): SampledNet & { points: number } {
  const tap = {
    name: 'z',
    kind: 'dense',
    activation: 'Gelu',
    channels: units.length,
    height: 1,
    width: 1,
  } as const;
  const net = {
    start: { name: 'input', size: 1, shape: [1] },
    taps: [{ ...tap, codeBits: units.length, exact: false }],
    outputs: 0,
    points: 0,
    async evaluate(values: Float64Array, points: number) {
      net.points += points;
      const pre = Float32Array.from({ length: points * units.length }, (_, i) =>
        units[i % units.length]!(values[Math.floor(i / units.length)]!),
      );
      return { pre: [pre], outputs: new Float32Array() };
    },
    close: async () => {},
  };
  return net;
}

const unitLine = () => curveBetween(Float64Array.of(0), Float64Array.of(1), { kind: 'lerp' });

describe('sampling', () => {
  it('finds flips to its resolution, with what is on behind them', async () => {
    const net = netOf(
      (x) => x - 1 / 3,
      (x) => 0.77 - x,
      (x) => Math.sin(9.5 * Math.PI * x + 0.3),
    );
    const [found] = await sampledCrossings(net, [unitLine()]);
    const expected = [
      { t: 1 / 3, unit: 0, on: 1 },
      { t: 0.77, unit: 1, on: 0 },
      ...Array.from({ length: 9 }, (_, k) => ({
        t: ((k + 1) * Math.PI - 0.3) / (9.5 * Math.PI),
        unit: 2,
        on: k % 2,
      })),
    ].sort((a, b) => a.t - b.t);
    expect([...found!.flips.unit]).toEqual(expected.map(({ unit }) => unit));
    expect([...found!.flips.toOn]).toEqual(expected.map(({ on }) => on));
    found!.flips.t.forEach((t, i) => {
      expect(Math.abs(t - expected[i]!.t)).toBeLessThan(1e-6);
    });
    expect([found!.exact, found!.crossings, found!.hamming]).toEqual([false, 11, 3]);
    expect(found!.breakpoints.length).toBe(0);
    expect(found!.samples).toBe(net.points);
  });

  it('sees a bump between samples only where the grid is doubled to it, and none that is narrower', async () => {
    const bump = (centre: number, width: number) => (x: number) => width - Math.abs(x - centre);
    // Cells of the first grid are 1/8 wide, midpoints are looked at too.
    const wide = await sampledCrossings(netOf(bump(0.3, 0.07)), [unitLine()], { grid: 8, finestGrid: 8 });
    expect(wide[0]!.crossings).toBe(2);
    const narrow = netOf(bump(0.3, 1e-4), (x) => Math.sin(60 * x + 1));
    const coarse = await sampledCrossings(narrow, [unitLine()], { grid: 8, finestGrid: 4096 });
    expect(coarse[0]!.tapCrossings[0]).toBeLessThanOrEqual(22);
    expect(coarse[0]!.hamming % 2).toBe(coarse[0]!.crossings % 2);
  });

  it('stops doubling once the count is steady', async () => {
    const net = netOf((x) => x - 0.4);
    await sampledCrossings(net, [unitLine()], { grid: 64, finestGrid: 2 ** 16 });
    // Two grids with their midpoints, and twice the halvings of one flip.
    expect(net.points).toBeLessThan(65 + 64 + 128 + 2 * 20);
  });

  it.each([1, 2, 3, 4, 5])(
    'never finds more than there is, and all of it where gaps are wide (seed %i)',
    async (seed) => {
      const random = randomStream(seed);
      const net = denseNet(randomLayers([6, 16, 16, 16, 2], random));
      const point = () => Float64Array.from({ length: 6 }, () => 1.5 * random.normal());
      const [from, to] = [point(), point()];
      const [exact] = await crossingsOnSegments(net, { from, to });
      const [found] = await sampledCrossings(sampledFrom(net), [curveBetween(from, to, { kind: 'lerp' })]);
      expect(found!.hamming).toBe(exact!.hamming);
      expect(found!.crossings).toBeLessThanOrEqual(exact!.crossings);
      expect((exact!.crossings - found!.crossings) % 2).toBe(0);
      expect(found!.crossings).toBeGreaterThan(0.9 * exact!.crossings);
      if (closest(exact!.flips) > 1 / 512) expect([...found!.tapCrossings]).toEqual([...exact!.tapCrossings]);
    },
  );

  it('names the curve and place where a value is not finite', async () => {
    const net = netOf((x) => (x > 0.5 ? Number.NaN : 1));
    const sampling = sampledCrossings(net, [unitLine()], { nameOf: (i) => `pair ${i + 3}` });
    await expect(sampling).rejects.toThrow(/pair 3, t = 0\.5\d*: a pre-activation of z is not finite/);
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort();
    await expect(
      sampledCrossings(
        netOf((x) => x),
        [unitLine()],
        { signal },
      ),
    ).rejects.toThrow(/aborted/);
  });
});

/** A dense reference net as if it could only be sampled. */
function sampledFrom(net: ReferenceNet): SampledNet {
  return {
    start: net.start,
    taps: net.taps,
    outputs: 0,
    async evaluate(values, points) {
      const size = net.start.size;
      const states = Array.from({ length: points }, (_, i) =>
        net.forward(values.subarray(i * size, (i + 1) * size)),
      );
      const pre = net.taps.map((_, tap) => Float32Array.from(states.flatMap((state) => [...state[tap]!])));
      return { pre, outputs: new Float32Array() };
    },
    close: async () => {},
  };
}

/** Least distance in t between two flips of one unit. */
function closest({ t, tap, unit }: { t: Float64Array; tap: Int32Array; unit: Int32Array }): number {
  const last = new Map<string, number>();
  let least = 1;
  t.forEach((place, i) => {
    const key = `${tap[i]}.${unit[i]}`;
    least = Math.min(least, place - (last.get(key) ?? -1));
    last.set(key, place);
  });
  return least;
}
