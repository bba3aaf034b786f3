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
