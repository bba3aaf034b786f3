// Flows by name, as configurations name them.

import { affineCoupling } from './flows/affine-coupling.ts';
import { affine } from './flows/affine.ts';
import type { Bijection } from './flows/bijection.ts';
import { compose } from './flows/compose.ts';
import type { Aggregation } from './flows/conditioner.ts';
import { householder, type RotationStart } from './flows/householder.ts';
import { splineCoupling } from './flows/spline-coupling.ts';

export type FlowName = 'affine' | 'realnvp' | 'spline';

export interface FlowOptions {
  readonly flow: FlowName;
  readonly dim: number;
  /** Couplings, whose parity alternates. */
  readonly layers: number;
  readonly hidden: number;
  /** null where the flow takes no innovation. */
  readonly aggregation: Aggregation | null;
  /**
   * `random`: the flow begins with a learned rotation, drawn at random. From the identity a flow finds its way to modes
   * near by only; rotations that differ lead to all of those that lie around a centre. @default 'identity'
   */
  readonly rotation?: RotationStart;
  /** Of the rotation. @default 2 ceil(dim / 2) */
  readonly reflections?: number | undefined;
  /** Splines: beyond ±bound they are the identity. @default 5 */
  readonly bound?: number;
  /** Splines: pieces. @default 8 */
  readonly bins?: number;
}

export function buildFlow({
  flow,
  dim,
  layers,
  hidden,
  aggregation,
  rotation = 'identity',
  reflections,
  bound = 5,
  bins = 8,
}: FlowOptions): Bijection {
  const turned = householder({ dim, start: rotation, ...(reflections === undefined ? {} : { reflections }) });
  if (flow === 'affine') return compose([affine({ dim }), turned, affine({ dim })]);
  const couplings = Array.from({ length: layers }, (_, layer) => {
    const parity = layer % 2 === 0 ? 0 : 1;
    const options = { dim, hidden, parity, aggregation } as const;
    return flow === 'realnvp' ? affineCoupling(options) : splineCoupling({ ...options, bound, bins });
  });
  return compose(rotation === 'random' ? [turned, ...couplings] : couplings);
}

/**
 * Start values, by name, with which an affine flow of one reflection swaps two places: it is the reflection about the
 * plane halfway between them, an isometry, so that modes of one shape change places with acceptance 1.
 * @param a, b - `[dim]` each, in the flow's units, apart from each other.
 */
export function swapStart(a: Float64Array, b: Float64Array): ReadonlyMap<string, Float64Array> {
  const apart = b.map((value, i) => value - a[i]!);
  const squared = apart.reduce((total, value) => total + value * value, 0);
  const along = apart.reduce((total, value, i) => total + (value * (a[i]! + b[i]!)) / 2, 0);
  // As long as a normal drawn at random, so that it turns as fast.
  const length = Math.sqrt(a.length / squared);
  return new Map([
    ['1.normals', apart.map((value) => value * length)],
    ['2.shift', apart.map((value) => (2 * along * value) / squared)],
  ]);
}
