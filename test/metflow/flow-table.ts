// Every flow, once: a new flow is one new row.

import { affineCoupling } from '../../activities/metflow/flows/affine-coupling.ts';
import { affine } from '../../activities/metflow/flows/affine.ts';
import type { Bijection } from '../../activities/metflow/flows/bijection.ts';
import { compose } from '../../activities/metflow/flows/compose.ts';
import { householder } from '../../activities/metflow/flows/householder.ts';
import { inUnits } from '../../activities/metflow/flows/in-units.ts';
import { permutation } from '../../activities/metflow/flows/permutation.ts';
import { splineCoupling } from '../../activities/metflow/flows/spline-coupling.ts';

export const FLOWS: Record<string, () => Bijection> = {
  affine: () => affine({ dim: 3 }),
  householder: () => householder({ dim: 4 }),
  'householder, drawn at random': () => householder({ dim: 3, start: 'random' }),
  'one reflection, drawn at random': () => householder({ dim: 3, reflections: 1, start: 'random' }),
  'affine coupling, in units': () => inUnits(affineCoupling({ dim: 3, hidden: 6, parity: 0 }), 7),
  permutation: () => permutation({ order: [2, 0, 1] }),
  'affine coupling': () => affineCoupling({ dim: 3, hidden: 6, parity: 0 }),
  'affine coupling of one coordinate': () => affineCoupling({ dim: 1, hidden: 4, parity: 1 }),
  'affine coupling, stacking': () =>
    affineCoupling({ dim: 3, hidden: 6, parity: 1, aggregation: 'stacking' }),
  'affine coupling, addition': () =>
    affineCoupling({ dim: 2, hidden: 6, parity: 0, aggregation: 'addition' }),
  'spline coupling': () => splineCoupling({ dim: 3, hidden: 6, parity: 0, bound: 20 }),
  'spline coupling, stacking': () =>
    splineCoupling({ dim: 2, hidden: 6, parity: 1, aggregation: 'stacking', bins: 5, bound: 20 }),
  composition: () =>
    compose([
      affineCoupling({ dim: 2, hidden: 6, parity: 0, aggregation: 'stacking' }),
      householder({ dim: 2 }),
      splineCoupling({ dim: 2, hidden: 6, parity: 1, bound: 20 }),
      permutation({ order: [1, 0] }),
      affine({ dim: 2 }),
    ]),
};

/** Round trip in single precision, for |z| up to 50: a spline may be a thousand times flatter than it is long. */
export function float32Error(name: string): number {
  return name.includes('spline') || name === 'composition' ? 2e-2 : 2e-4;
}
