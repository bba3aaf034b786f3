// Rows of the paths table of experiment E3 as samples of pairs, one per model, span and measure.

import type { PairSample } from '../numeric/pair-bootstrap.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { matchPairs } from '../polytope/distance-matching.ts';
import type { DensityDesign, DensitySpan } from './density-design.ts';
import type { Cell, ReadTable } from './experiment.ts';

/** What a density is taken of; the `measure` column of the densities table. */
export type DensityMeasure = 'rho_h' | 'rho_x' | 'rho_h_matched' | 'per_radian' | 'above_null';

export const DENSITY_MEASURES: readonly DensityMeasure[] = [
  'rho_h',
  'rho_x',
  'rho_h_matched',
  'per_radian',
  'above_null',
];

/** Columns of the paths table that samples are made of. */
export const PATH_COLUMNS = [
  'model',
  'path_id',
  'length',
  'angle_rad',
  'norm_a',
  'norm_b',
  'hamming',
  'h_norm',
  'rho_h',
  'rho_x',
  'null_h_norm',
] as const;

const INTER = 0;
const INTRA = 1;
const SHUFFLE_STREAM = 5;

/** `layer from input`. */
export function spanName({ kind, space }: DensitySpan): string {
  return `${kind} from ${space}`;
}

/** The pairs of one model over one span. */
export class SpanSamples {
  readonly #design: DensityDesign;
  readonly #seed: number;
  readonly #columns: Readonly<Record<string, ArrayLike<Cell>>>;
  readonly #rows: Int32Array;
  /** `[rows]` */
  readonly #pairs: Int32Array;

  constructor(
    { columns }: ReadTable,
    { design, seed, rows }: { design: DensityDesign; seed: number; rows: readonly number[] },
  ) {
    this.#design = design;
    this.#seed = seed;
    this.#columns = columns;
    this.#rows = Int32Array.from(rows);
    const ids = columns.path_id as ArrayLike<number>;
    this.#pairs = this.#rows.map((row) => Math.floor(Number(ids[row]) / design.spans.length));
  }

  /** Pairs between classes are group A, those within are group B. */
  sample(measure: DensityMeasure): PairSample {
    const places = measure === 'rho_h_matched' ? this.#matched() : [...this.#rows.keys()];
    return this.#sampleOf(places, measure, this.#design.labels);
  }

  /** Labels in random order: which images share a class says nothing any more. */
  shuffled(): PairSample {
    const labels = shuffle([...this.#design.labels], randomStream(this.#seed, SHUFFLE_STREAM));
    return this.#sampleOf([...this.#rows.keys()], 'rho_h', labels);
  }

  #sampleOf(places: readonly number[], measure: DensityMeasure, labels: readonly number[]): PairSample {
    const { ends, points } = this.#design;
    const found = places
      .map((place) => ({ pair: this.#pairs[place]!, value: this.#value(measure, place) }))
      .filter(({ value }) => value !== null);
    return {
      units: points.length,
      ends: Int32Array.from(found.flatMap(({ pair }) => [ends[2 * pair]!, ends[2 * pair + 1]!])),
      values: Float64Array.from(found, ({ value }) => value!),
      groups: Uint8Array.from(found, ({ pair }) =>
        labels[ends[2 * pair]!] === labels[ends[2 * pair + 1]!] ? INTRA : INTER,
      ),
    };
  }

  #value(measure: DensityMeasure, place: number): number | null {
    const [angle, bits] = [this.#cell('angle_rad', place), this.#cell('hamming', place)!];
    switch (measure) {
      case 'rho_h':
      case 'rho_h_matched':
        return this.#cell('rho_h', place);
      case 'rho_x':
        return this.#cell('rho_x', place);
      case 'per_radian':
        return angle === null || angle === 0 ? null : bits / angle;
      case 'above_null': {
        const expected = this.#cell('null_h_norm', place);
        return expected === null ? null : this.#cell('h_norm', place)! - expected;
      }
    }
  }

  #cell(column: string, place: number): number | null {
    const cell = this.#columns[column]![this.#rows[place]!] ?? null;
    return cell === null ? null : Number(cell);
  }

  /** Pairs within and between classes of the same distance and norms, within 2 %. */
  #matched(): number[] {
    const all = [...this.#rows.keys()];
    const within = all.filter((place) => this.#pairs[place]! < this.#design.intra);
    const between = all.filter((place) => this.#pairs[place]! >= this.#design.intra);
    const geometry = (places: readonly number[]) => ({
      distance: Float64Array.from(places, (place) => this.#cell('length', place)!),
      norms: Float64Array.from(
        places.flatMap((place) => [this.#cell('norm_a', place)!, this.#cell('norm_b', place)!]),
      ),
    });
    const { intra, inter } = matchPairs(geometry(within), geometry(between), { seed: this.#seed });
    return [...Array.from(intra, (i) => within[i]!), ...Array.from(inter, (i) => between[i]!)];
  }
}
