// Flows by name, as configurations name them.

import { affineCoupling } from './flows/affine-coupling.ts';
import { affine } from './flows/affine.ts';
import type { Bijection } from './flows/bijection.ts';
import { compose } from './flows/compose.ts';
import type { Aggregation } from './flows/conditioner.ts';
import { householder } from './flows/householder.ts';
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
  bound = 5,
  bins = 8,
}: FlowOptions): Bijection {
  if (flow === 'affine') return compose([affine({ dim }), householder({ dim }), affine({ dim })]);
  return compose(
    Array.from({ length: layers }, (_, layer) => {
      const parity = layer % 2 === 0 ? 0 : 1;
      const options = { dim, hidden, parity, aggregation } as const;
      return flow === 'realnvp' ? affineCoupling(options) : splineCoupling({ ...options, bound, bins });
    }),
  );
}
