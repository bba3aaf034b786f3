// Crossings of a network whose codes can only be sampled: a grid along the path, bisection where bits flip. Counts are
// lower bounds: two flips of one bit between two samples stay unseen.

import { CrossingLog, bitEvents, flipFlags, type PathCrossings } from './crossing-events.ts';
import { type BitRow, CodeSampler, differingBits } from './code-sampler.ts';
import type { SampledNet } from './piecewise-net.ts';
import type { Curve } from './polyline.ts';

export interface SamplingOptions {
  /** Cells of the first grid. @default 256 */
  readonly grid?: number;
  /** Cells of the finest grid; the last doubling ends there whatever it changed. @default 4096 */
  readonly finestGrid?: number;
  /** Width in t to which a flip is bisected. @default 1e-6 */
  readonly resolution?: number;
  /** Points per call of `evaluate`. @default 256 */
  readonly pointsPerEvaluate?: number;
  /** What a path is called in errors. @default `curve 3` */
  readonly nameOf?: (path: number) => string;
  readonly signal?: AbortSignal;
}

/** A part of the path with the codes at its ends. */
interface Cell {
  readonly from: BitRow;
  readonly to: BitRow;
}

/** The grid is doubled until the count changes by less than this share. */
const STEADY_SHARE = 0.01;

/**
 * Sampled crossings of curves, one report per curve, in order; `exact` is false, breakpoints are empty.
 *
 * The grid, midpoints included, is doubled until the number of flips between neighbours is steady; then every cell whose ends
 * differ is halved until it is `resolution` wide.
 * @throws PipelineError `non-finite-input` where a pre-activation is not finite.
 * @see the specification, section 3.2, last paragraph.
 */
export async function sampledCrossings(
  net: SampledNet,
  curves: readonly Curve[],
  options: SamplingOptions = {},
): Promise<PathCrossings[]> {
  const found: PathCrossings[] = [];
  const nameOf = options.nameOf ?? ((path: number) => `curve ${path}`);
  for (const [path, curve] of curves.entries()) {
    const sampler = new CodeSampler(net, curve, {
      pointsPerEvaluate: options.pointsPerEvaluate ?? 256,
      name: nameOf(path),
      signal: options.signal,
    });
    found.push(await onCurve(sampler, options));
  }
  return found;
}

async function onCurve(
  sampler: CodeSampler,
  { grid = 256, finestGrid = 4096, resolution = 1e-6 }: SamplingOptions,
): Promise<PathCrossings> {
  let cells = grid;
  let rows = await sampler.codes(Float64Array.from({ length: cells + 1 }, (_, i) => i / cells));
  for (let last = -1; ; cells *= 2) {
    const middles = await sampler.codes(middlesOf(rows));
    rows = interleave(rows, middles);
    const count = cellsOf(rows).reduce((sum, { from, to }) => sum + differingBits(from, to), 0);
    if ((last >= 0 && Math.abs(count - last) <= STEADY_SHARE * last) || cells * 2 > finestGrid) break;
    last = count;
  }
  return report(sampler, rows, await bisect(sampler, rows, resolution));
}

/** Halves the cells between rows whose bits differ until they are narrow; those that still differ are the flips. */
async function bisect(sampler: CodeSampler, rows: readonly BitRow[], resolution: number): Promise<Cell[]> {
  let open = cellsOf(rows).filter(({ from, to }) => differingBits(from, to) > 0);
  const done: Cell[] = [];
  while (open.length > 0) {
    done.push(...open.filter(({ from, to }) => to.t - from.t <= resolution));
    const wide = open.filter(({ from, to }) => to.t - from.t > resolution);
    const middles = await sampler.codes(Float64Array.from(wide, ({ from, to }) => (from.t + to.t) / 2));
    open = wide
      .flatMap(({ from, to }, i): Cell[] => [
        { from, to: middles[i]! },
        { from: middles[i]!, to },
      ])
      .filter(({ from, to }) => differingBits(from, to) > 0);
  }
  return done;
}

function report(sampler: CodeSampler, rows: readonly BitRow[], leaves: readonly Cell[]): PathCrossings {
  const { taps } = sampler;
  const log = new CrossingLog();
  for (const { from, to } of leaves) {
    sampler.forEachDifference(from, to, (tap, unit, isOn) =>
      log.add(0, tap, unit, (from.t + to.t) / 2, flipFlags('relu', isOn)),
    );
  }
  const [flips] = log.flips(1);
  const tapCrossings = new Int32Array(taps);
  for (const tap of flips!.tap) tapCrossings[tap]!++;
  const tapHamming = new Int32Array(taps);
  sampler.forEachDifference(rows[0]!, rows.at(-1)!, (tap) => tapHamming[tap]!++);
  return {
    exact: false,
    samples: sampler.samples,
    crossings: flips!.t.length,
    events: bitEvents(flips!),
    poolCrossings: 0,
    hamming: tapHamming.reduce((sum, count) => sum + count, 0),
    tapCrossings,
    tapHamming,
    flips: flips!,
    breakpoints: new Float64Array(0),
    outputs: null,
    lengths: null,
  };
}

function cellsOf(rows: readonly BitRow[]): Cell[] {
  return rows.slice(1).map((to, i) => ({ from: rows[i]!, to }));
}

function middlesOf(rows: readonly BitRow[]): Float64Array {
  return Float64Array.from({ length: rows.length - 1 }, (_, i) => (rows[i]!.t + rows[i + 1]!.t) / 2);
}

function interleave(rows: readonly BitRow[], middles: readonly BitRow[]): BitRow[] {
  return rows.flatMap((row, i) => (i < middles.length ? [row, middles[i]!] : [row]));
}
