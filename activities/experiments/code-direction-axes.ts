// Axes of one layer in the space of codes and in that of activations, with the points at their ends.

import { bernoulliNmf } from '../numeric/bernoulli-nmf.ts';
import type { Observations } from '../numeric/matrix.ts';
import { nmf } from '../numeric/nmf.ts';
import { pca, projectOntoComponents } from '../numeric/pca.ts';
import { randomStream } from '../numeric/rng.ts';
import { projectionsOnto, randomDirection } from '../polytope/fair-baselines.ts';
import { componentsOf, type Decomposed } from './aligned-components.ts';

/** When factorisations stop: the ends of components do not hang on the last digits of the loss. */
const STOP = { iterations: 100, tolerance: 1e-4 } as const;
const RANDOM_STREAM = 8;

/** Shares whose highest points are an end of a component. */
interface Ends {
  readonly top: Float64Array;
  readonly bottom: Float64Array | null;
}

export interface Axes {
  readonly method: string;
  readonly ends: readonly Ends[];
  /** Left out where the axes are no decomposition. */
  readonly components?: Decomposed['all'];
}

interface AxesOptions {
  readonly components: number;
  readonly seed: number;
}

/** Axes of the bits. */
export function codeAxes(codes: Observations, { components, seed }: AxesOptions): Axes[] {
  const rank = Math.min(components, codes.cols);
  const factors = bernoulliNmf(codes, { rank, seed, ...STOP });
  return [
    principalAxes('code_pca', codes, { components, seed }),
    factorAxes('code_nmf', { ...factors, rank, cols: codes.cols }),
  ];
}

/** Axes of the activations; NMF sees negative values (GELU) as zero. */
export function activationAxes(activations: Observations, { components, seed }: AxesOptions): Axes[] {
  const { values, rows, cols } = activations;
  const rank = Math.min(components, cols);
  const positive = { rows, cols, values: values.map((value) => Math.max(0, value)) };
  const factors = nmf(positive, { rank, seed, ...STOP });
  const random = randomStream(seed, RANDOM_STREAM);
  return [
    principalAxes('act_pca', activations, { components, seed }),
    factorAxes('act_nmf', { ...factors, rank, cols }),
    {
      method: 'neuron',
      ends: columnsOf(values, cols).flatMap((top) => (isConstant(top) ? [] : [bothEnds(top)])),
    },
    {
      method: 'random_direction',
      ends: Array.from({ length: components }, () =>
        bothEnds(projectionsOnto(activations, randomDirection(cols, random))),
      ),
    },
  ];
}

function principalAxes(method: string, x: Observations, { components, seed }: AxesOptions): Axes {
  const principal = pca(x, { components, seed });
  const shares = projectOntoComponents(x, principal);
  const ofSign = (sign: number) => componentsOf(shares, principal.components, { cols: x.cols, sign });
  return {
    method,
    ends: columnsOf(shares, principal.count).map(bothEnds),
    // A principal component has no sign: both ends count.
    components: [...ofSign(1), ...ofSign(-1)],
  };
}

function factorAxes(
  method: string,
  {
    weights,
    components,
    rank,
    cols,
  }: {
    readonly weights: Float32Array | Float64Array;
    readonly components: Float64Array;
    readonly rank: number;
    readonly cols: number;
  },
): Axes {
  const ends = columnsOf(weights, rank).map((top) => ({ top, bottom: null }));
  return { method, ends, components: componentsOf(weights, components, { cols, sign: 1 }) };
}

function bothEnds(top: Float64Array): Ends {
  return { top, bottom: top.map((share) => -share) };
}

function columnsOf(values: Float32Array | Float64Array, cols: number): Float64Array[] {
  return Array.from({ length: cols }, (_, column) =>
    Float64Array.from({ length: values.length / cols }, (_, row) => values[row * cols + column]!),
  );
}

/** A dead unit has no top points. */
function isConstant(shares: Float64Array): boolean {
  return shares.every((share) => share === shares[0]);
}

/** Kinds of baselines: what is decomposed is in the name of codes only, as elsewhere activations are meant. */
export function decomposed(axes: readonly Axes[]): Decomposed[] {
  return axes.flatMap(({ method, components }) =>
    components === undefined ? [] : [{ kind: method.replace('act_', ''), all: components }],
  );
}
