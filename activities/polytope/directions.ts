// Unit vectors along which a feature might lie: a neuron, a component of PCA or NMF, a class mean, or a random
// control.

import { nmf } from '../numeric/nmf.ts';
import { type Pca, pca } from '../numeric/pca.ts';
import { randomStream } from '../numeric/rng.ts';

export type DirectionKind = 'neuron' | 'pca' | 'nmf' | 'class_mean' | 'random' | 'dictionary';

/** A unit vector with a name for people, such as `neuron:12`. */
export interface Direction {
  readonly name: string;
  /** `[size]` */
  readonly vector: Float64Array;
  /** Standard deviation of the reference points' projections, more than 0. */
  readonly deviation: number;
}

/** Points of the space that directions are taken from. */
export interface ReferencePoints {
  /** `[rows, size]` */
  readonly values: Float32Array;
  readonly rows: number;
  readonly size: number;
  /** `[rows]` class, -1 for none; null without labels. */
  readonly labels: Int32Array | null;
  /** Vectors of `size` values that someone else found, such as decoder columns of a sparse autoencoder. @default [] */
  readonly dictionary?: readonly (readonly number[])[];
}

/** What a direction is wanted for. */
export interface DirectionCase {
  /** Number of the case: it decides which neuron, component or draw. */
  readonly index: number;
  /** `[size]` the point; a neuron is one that is not 0 there. */
  readonly point: Float64Array;
  /** Class of the point, -1 for none. */
  readonly label: number;
}

const COMPONENTS = 8;
/** Components hardly turn any more then; they are looked for once for every few points. */
const NMF_STOP = { iterations: 40, tolerance: 1e-3 } as const;

/** Directions of one space, deterministic for a seed. */
export class Directions {
  readonly #reference: ReferencePoints;
  readonly #seed: number;
  readonly #mean: Float64Array;
  #pca: Pca | null = null;
  /** `[components, size]` */
  #parts: Float64Array | null = null;

  constructor(reference: ReferencePoints, seed: number) {
    this.#reference = reference;
    this.#seed = seed;
    this.#mean = meanOf(reference, () => true)!;
  }

  /** A direction of a kind; null where there is none: no label, no neuron that is on, no spread. */
  of(kind: DirectionKind, wanted: DirectionCase): Direction | null {
    const found = this.#vector(kind, wanted);
    if (found === null) return null;
    const length = Math.hypot(...found.vector);
    if (!(length > 0)) return null;
    const vector = found.vector.map((value) => value / length);
    const deviation = this.#deviation(vector);
    return deviation > 0 ? { name: found.name, vector, deviation } : null;
  }

  #vector(
    kind: DirectionKind,
    { index, point, label }: DirectionCase,
  ): { name: string; vector: Float64Array } | null {
    const { size } = this.#reference;
    switch (kind) {
      case 'neuron': {
        const on = Array.from(point.keys()).filter((unit) => point[unit] !== 0);
        if (on.length === 0) return null;
        const unit = on[randomStream(this.#seed, 1, index).below(on.length)]!;
        const vector = new Float64Array(size);
        vector[unit] = 1;
        return { name: `neuron:${unit}`, vector };
      }
      case 'pca': {
        const { count, components } = this.#components();
        if (count === 0) return null;
        const component = index % count;
        return {
          name: `pca:${component}`,
          vector: components.slice(component * size, (component + 1) * size),
        };
      }
      case 'nmf': {
        const parts = this.#nonNegativeParts();
        const component = index % (parts.length / size);
        return {
          name: `nmf:${component}`,
          vector: parts.slice(component * size, (component + 1) * size),
        };
      }
      case 'class_mean': {
        const mean =
          label < 0 ? null : meanOf(this.#reference, (row) => this.#reference.labels?.[row] === label);
        if (mean === null) return null;
        return { name: `class_mean:${label}`, vector: mean.map((value, i) => value - this.#mean[i]!) };
      }
      case 'random': {
        const random = randomStream(this.#seed, 2, index);
        return { name: `random:${index}`, vector: Float64Array.from({ length: size }, random.normal) };
      }
      case 'dictionary': {
        const { dictionary = [] } = this.#reference;
        if (dictionary.length === 0) return null;
        const entry = index % dictionary.length;
        return { name: `dictionary:${entry}`, vector: Float64Array.from(dictionary[entry]!) };
      }
    }
  }

  #components(): Pca {
    const { values, rows, size } = this.#reference;
    this.#pca ??= pca({ values, rows, cols: size }, { components: COMPONENTS, seed: this.#seed });
    return this.#pca;
  }

  /** Negative values, which a space before a ReLU has, count as zero. */
  #nonNegativeParts(): Float64Array {
    const { values, rows, size } = this.#reference;
    const positive = { values: values.map((value) => Math.max(0, value)), rows, cols: size };
    const rank = Math.min(COMPONENTS, size, rows);
    this.#parts ??= nmf(positive, { rank, seed: this.#seed, ...NMF_STOP }).components;
    return this.#parts;
  }

  #deviation(vector: Float64Array): number {
    const { values, rows, size } = this.#reference;
    let squares = 0;
    for (let row = 0; row < rows; row++) {
      let along = 0;
      for (let i = 0; i < size; i++) along += (values[row * size + i]! - this.#mean[i]!) * vector[i]!;
      squares += along * along;
    }
    return Math.sqrt(squares / (rows - 1));
  }
}

/** Mean of the rows that are wanted, `[size]`; null without any. */
function meanOf(
  { values, rows, size }: ReferencePoints,
  isWanted: (row: number) => boolean,
): Float64Array | null {
  const sum = new Float64Array(size);
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (!isWanted(row)) continue;
    count++;
    for (let i = 0; i < size; i++) sum[i]! += values[row * size + i]!;
  }
  return count === 0 ? null : sum.map((value) => value / count);
}
