// Lines through a point of a space, and the rows of the scaling table along them.

import { SCALING_TABLE } from '#schemas/columns/lens/scaling.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { pointPair } from '../polytope/boundary-density.ts';
import type { PointValues } from '../polytope/point-values.ts';
import { CountedTaps } from './counted-taps.ts';
import type { TableRows } from './experiment.ts';
import type { LineNet } from './line-net.ts';
import type { Network } from './network.ts';
import { answerRow } from './path-answers.ts';
import { PathRows } from './path-rows.ts';
import { type Row, RowCollector } from './row-collector.ts';
import { RowMerger } from './row-merger.ts';

/** A line through a point, with the places on it that become rows. */
export interface Line {
  readonly direction: string;
  /** `[size]` where `t` is 0. */
  readonly point: Float64Array;
  /** `[size]` unit vector. */
  readonly vector: Float64Array;
  readonly part: 'scale' | 'move';
  /** Signed distances from the point; the first and last are the ends. The point itself is `t = 0`. */
  readonly places: Float64Array;
  /** `[places]` factor on the component along the vector; null where that component is 0. */
  readonly factors: Float64Array | null;
}

/** What the slopes of the outputs say at each place; see the columns. */
export interface PlaceSlopes {
  readonly cosine: number | null;
  readonly error: number | null;
}

/** Point on a line, `[places, size]`, the point itself first. */
export function placesOn({ point, vector, places }: Line): Float64Array {
  const size = point.length;
  const values = new Float64Array((places.length + 1) * size);
  values.set(point);
  places.forEach((t, place) => {
    for (let i = 0; i < size; i++) values[(place + 1) * size + i] = point[i]! + t * vector[i]!;
  });
  return values;
}

/** Key columns of a point in one space and model. */
export interface LineKey {
  readonly model: string;
  readonly space: string;
  readonly point_id: number;
  readonly token_index: number | null;
}

/** Collects rows of the scaling table, and one path per line. */
export class LineRows {
  readonly #rows = new RowCollector(SCALING_TABLE);
  readonly #counted: CountedTaps;
  readonly #net: LineNet;
  /** By model: the copy without biases has rows of its own. */
  readonly #paths = new Map<string, PathRows>();
  #nextPath: number;

  /** @param firstPath - number of the first line. */
  constructor(network: Network, net: LineNet, firstPath: number) {
    this.#net = net;
    this.#counted = new CountedTaps(network, net.taps);
    this.#nextPath = firstPath;
  }

  /** First layer that is counted. */
  get firstLayer(): number {
    const { bitTaps, layerIds } = this.#counted;
    return layerIds[bitTaps[0]!]!;
  }

  get rows(): number {
    return this.#rows.rows;
  }

  take(): TableRows[] {
    const merger = new RowMerger();
    merger.add([this.#rows.take()]);
    for (const paths of this.#paths.values()) merger.add(paths.take());
    return merger.take();
  }

  /**
   * Adds the rows of a line.
   * @param values - at the point and then at every place.
   * @param found - crossings from the first place to the last one.
   */
  add(
    key: LineKey,
    line: Line,
    found: PathCrossings,
    values: PointValues,
    slopes?: readonly PlaceSlopes[],
  ): void {
    const { ordered, bitTaps, layerIds } = this.#counted;
    const ends = { low: line.places[0]!, high: line.places.at(-1)! };
    this.#addPath(key, line, found);
    for (const [place, t] of line.places.entries()) {
      const crossed = crossingsBetween(found, [0, t], ends, this.#net.taps.length);
      const answer = this.#answer(values, place + 1);
      for (const tap of ordered) {
        if (!bitTaps.includes(tap)) continue;
        this.#rows.add({
          ...key,
          layer_id: this.firstLayer,
          direction: line.direction,
          part: line.part,
          later_layer_id: layerIds[tap]!,
          alpha: line.factors?.[place] ?? null,
          t,
          theta_rad: this.#angle(values.after[tap] ?? null, tap, place + 1),
          hamming: differingBits(values.pre[tap]!, this.#net.taps[tap]!.codeBits, place + 1),
          crossings: crossed[tap]!,
          ...answer,
          jv_cos: slopes?.[place]?.cosine ?? null,
          lin_err: slopes?.[place]?.error ?? null,
          exact: found.exact,
        });
      }
    }
  }

  #addPath({ model, point_id }: LineKey, { point, vector, places }: Line, found: PathCrossings): void {
    const options = {
      experiment: 'scaling',
      model,
      counted: this.#counted,
      crossings: 'only counted',
    } as const;
    const paths = this.#paths.get(model) ?? new PathRows(options);
    this.#paths.set(model, paths);
    const [from, to] = [places[0]!, places.at(-1)!].map((t) =>
      point.map((value, i) => value + t * vector[i]!),
    ) as [Float64Array, Float64Array];
    const { distance, angle, normP, normQ } = pointPair(from, to);
    const facts = { pathId: this.#nextPath++, kind: 'ray', pointA: point_id, pointB: null } as const;
    paths.add(
      { ...facts, sameClass: null, length: distance, distance, angle, normA: normP, normB: normQ },
      found,
    );
  }

  #answer({ outputs }: PointValues, row: number): Row {
    const width = this.#net.outputs;
    if (width === 0) return { pred_class: null, prob: null, kl: null };
    const logits = (at: number) => outputs.subarray(at * width, (at + 1) * width);
    const { pred_class, prob, kl_from_start } = answerRow(
      { t: 0, logits: logits(row), changesTo: null },
      { t: 0, logits: logits(0), changesTo: null },
    );
    return { pred_class: pred_class!, prob: prob!, kl: kl_from_start! };
  }

  #angle(after: Float64Array | null, tap: number, row: number): number | null {
    if (after === null) return null;
    const { codeBits } = this.#net.taps[tap]!;
    return pointPair(after.subarray(0, codeBits), after.subarray(row * codeBits, (row + 1) * codeBits)).angle;
  }
}

/**
 * Crossings per tap between two places of a line.
 * @param ends - places at which the solved path starts and ends.
 */
export function crossingsBetween(
  { flips }: PathCrossings,
  [a, b]: readonly [number, number],
  { low, high }: { readonly low: number; readonly high: number },
  taps: number,
): Int32Array {
  const counts = new Int32Array(taps);
  const share = (t: number) => (t - low) / (high - low);
  const [from, to] = [Math.min(share(a), share(b)), Math.max(share(a), share(b))];
  for (let i = 0; i < flips.t.length; i++)
    if (flips.t[i]! >= from && flips.t[i]! <= to) counts[flips.tap[i]!]!++;
  return counts;
}

function differingBits(pre: Float64Array | Float32Array, units: number, row: number): number {
  let bits = 0;
  for (let unit = 0; unit < units; unit++) if (pre[unit]! > 0 !== pre[row * units + unit]! > 0) bits++;
  return bits;
}
