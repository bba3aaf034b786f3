// Rows of the tables about paths (paths, path_layers, crossings, crossing_bins, path_outputs), as every experiment on
// paths writes them.

import { CROSSING_BINS_TABLE, CROSSINGS_TABLE } from '#schemas/columns/lens/crossings.ts';
import { PATH_OUTPUTS_TABLE } from '#schemas/columns/lens/path-outputs.ts';
import { PATH_LAYERS_TABLE, PATHS_TABLE } from '#schemas/columns/lens/paths.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { type Curve, crossingBins } from '../polytope/polyline.ts';
import type { CountedTaps } from './counted-taps.ts';
import type { TableRows } from './experiment.ts';
import { type PathAnswer, answerRow } from './path-answers.ts';
import { RowCollector } from './row-collector.ts';

/** Where a path lies. */
export interface PathFacts {
  readonly pathId: number;
  readonly kind: 'lerp' | 'slerp' | 'ray' | 'adversarial' | 'gaussian' | 'token';
  /** Point at the start, as the points table numbers them. */
  readonly pointA: number | null;
  readonly pointB: number | null;
  readonly sameClass: boolean | null;
  /** Length of the path, more than 0. */
  readonly length: number;
  /** Distance of the ends, more than 0; as long as the path where it is straight. */
  readonly distance: number;
  /** Angle between the ends at the origin; null where one is the origin. */
  readonly angle: number | null;
  readonly normA: number;
  readonly normB: number;
}

/** What is known where only the codes of the two ends were compared. */
export interface EndCodes {
  /** False where the model is not piecewise linear. */
  readonly exact: boolean;
  /** `[taps]` differing bits of the ends. */
  readonly tapHamming: Int32Array;
}

export interface PathExtras {
  /** The path's chords; without them no bins are written. */
  readonly curve?: Curve;
  /** Bins of equal width in t. @default 64 */
  readonly bins?: number;
  /** `[taps]` sum of |Φ(z_a) - Φ(z_b)|, NaN where the activation is piecewise linear. */
  readonly softDistances?: Float64Array;
}

/** Collects rows of one model's paths. */
export class PathRows {
  readonly #experiment: string;
  readonly #model: string;
  readonly #counted: CountedTaps;
  readonly #crossings: RowCollector | null;
  readonly #paths = new RowCollector(PATHS_TABLE);
  readonly #layers = new RowCollector(PATH_LAYERS_TABLE);
  readonly #bins = new RowCollector(CROSSING_BINS_TABLE);
  readonly #outputs = new RowCollector(PATH_OUTPUTS_TABLE);

  /** @param options.crossings - whether single crossings become rows: they may be very many. */
  constructor(options: {
    readonly experiment: string;
    readonly model: string;
    readonly counted: CountedTaps;
    readonly crossings: 'kept' | 'only counted';
  }) {
    this.#experiment = options.experiment;
    this.#model = options.model;
    this.#counted = options.counted;
    this.#crossings = options.crossings === 'kept' ? new RowCollector(CROSSINGS_TABLE) : null;
  }

  /** Adds what was found on a path: solved, sampled, or only the codes of its ends. */
  add(facts: PathFacts, found: PathCrossings | EndCodes, extras: PathExtras = {}): void {
    const expected = facts.angle === null ? null : this.#counted.expectedShares(facts.angle);
    this.#addPath(facts, found, expected, extras);
    this.#addLayers(facts, found, expected, extras);
    if (!isSolved(found)) return;
    this.#addCrossings(facts.pathId, found);
    if (extras.curve !== undefined) this.#addBins(facts.pathId, found, extras.curve, extras.bins ?? 64);
  }

  /** Adds the model's answers along a path, ascending in t from its start. */
  addAnswers(pathId: number, answers: readonly PathAnswer[]): void {
    const [first] = answers;
    for (const answer of answers)
      this.#outputs.add({ model: this.#model, path_id: pathId, ...answerRow(answer, first!) });
  }

  /** Rows since the last call; tables without any are left out. */
  take(): TableRows[] {
    return this.#collectors()
      .filter(({ rows }) => rows > 0)
      .map((collector) => collector.take());
  }

  #collectors(): RowCollector[] {
    const crossings = this.#crossings === null ? [] : [this.#crossings];
    return [this.#paths, this.#layers, ...crossings, this.#bins, this.#outputs];
  }

  #addPath(
    { pathId, kind, length, ...facts }: PathFacts,
    found: PathCrossings | EndCodes,
    expected: Float64Array | null,
    { softDistances }: PathExtras,
  ): void {
    const { bitTaps, taps, layerIds, codeBits } = this.#counted;
    const hamming = this.#counted.sum(found.tapHamming);
    const crossings = isSolved(found) ? this.#counted.sum(found.tapCrossings) : null;
    const soft = bitTaps.map((tap) => finite(softDistances?.[tap])).filter((distance) => distance !== null);
    const expectedBits = expected && this.#counted.sum(taps.map((tap, i) => expected[i]! * tap.codeBits));
    this.#paths.add({
      model: this.#model,
      path_id: pathId,
      experiment: this.#experiment,
      kind,
      point_a: facts.pointA,
      point_b: facts.pointB,
      same_class: facts.sameClass,
      start_layer: layerIds[bitTaps[0]!]!,
      end_layer: layerIds[bitTaps.at(-1)!]!,
      length,
      angle_rad: facts.angle,
      norm_a: facts.normA,
      norm_b: facts.normB,
      hamming,
      h_norm: hamming / codeBits,
      crossings,
      events: isSolved(found) ? this.#events(found) : null,
      rho_h: hamming / facts.distance,
      rho_x: crossings === null ? null : crossings / length,
      soft_dist: soft.length === 0 ? null : soft.reduce((a, b) => a + b, 0),
      null_h_norm: expectedBits === null ? null : expectedBits / codeBits,
      exact: found.exact,
      n_samples: isSolved(found) ? found.samples : 0,
    });
  }

  #addLayers(
    { pathId, length }: PathFacts,
    found: PathCrossings | EndCodes,
    expected: Float64Array | null,
    { softDistances }: PathExtras,
  ): void {
    for (const tap of this.#counted.ordered) {
      const image = isSolved(found) ? finite(found.lengths?.after[tap]) : null;
      this.#layers.add({
        model: this.#model,
        path_id: pathId,
        layer_id: this.#counted.layerIds[tap]!,
        crossings: isSolved(found) ? found.tapCrossings[tap]! : null,
        hamming: found.tapHamming[tap]!,
        h_norm: found.tapHamming[tap]! / this.#counted.taps[tap]!.codeBits,
        null_h_norm: finite(expected?.[tap]),
        soft_dist: finite(softDistances?.[tap]),
        trajectory_ratio: image === null ? null : image / length,
      });
    }
  }

  #addCrossings(pathId: number, { flips }: PathCrossings): void {
    if (this.#crossings === null) return;
    for (let i = 0; i < flips.t.length; i++) {
      const tap = flips.tap[i]!;
      if (this.#counted.layerIds[tap]! < 0) continue;
      const { height, width } = this.#counted.taps[tap]!;
      const unit = flips.unit[i]!;
      const hasGrid = height * width > 1;
      this.#crossings.add({
        model: this.#model,
        path_id: pathId,
        event_id: flips.event[i]!,
        t: flips.t[i]!,
        layer_id: this.#counted.layerIds[tap]!,
        unit,
        channel: Math.floor(unit / (height * width)),
        y: hasGrid ? Math.floor(unit / width) % height : null,
        x: hasGrid ? unit % width : null,
        kind: flips.isPool[i] === 1 ? 'pool' : 'relu',
        to_on: flips.toOn[i] === 1,
      });
    }
  }

  #addBins(pathId: number, { flips }: PathCrossings, curve: Curve, bins: number): void {
    const found = crossingBins(flips, curve, { taps: this.#counted.taps.length, bins });
    for (const tap of this.#counted.ordered) {
      for (let bin = 0; bin < bins; bin++) {
        this.#bins.add({
          model: this.#model,
          path_id: pathId,
          layer_id: this.#counted.layerIds[tap]!,
          bin,
          t_low: found.t[bin]!,
          t_high: found.t[bin + 1]!,
          crossings: found.crossings[tap * bins + bin]!,
          density: found.density[tap * bins + bin]!,
        });
      }
    }
  }

  /** Distinct places of the bit flips that count. */
  #events({ flips }: PathCrossings): number {
    const places = new Set<number>();
    for (let i = 0; i < flips.t.length; i++)
      if (flips.isPool[i] === 0 && this.#counted.layerIds[flips.tap[i]!]! >= 0) places.add(flips.event[i]!);
    return places.size;
  }
}

function isSolved(found: PathCrossings | EndCodes): found is PathCrossings {
  return 'tapCrossings' in found;
}

function finite(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
