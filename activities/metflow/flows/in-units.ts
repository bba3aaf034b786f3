// A flow in units of a length: nets see numbers around 1, and shifts are learned as fast as scales, whatever the target's
// own units.

import { mul } from '../../numeric/array-math.ts';
import type { Bijection, Mapped } from './bijection.ts';

/**
 * z' = unit T(z / unit), which has the log determinant of T.
 * @param unit - above 0.
 */
export function inUnits(flow: Bijection, unit: number): Bijection {
  if (unit === 1) return flow;
  const scaled = ({ z, logDet }: Mapped): Mapped => ({ z: mul(z, unit), logDet });
  return {
    ...flow,
    forward: (parameters, z, u) => scaled(flow.forward(parameters, mul(z, 1 / unit), u)),
    inverse: (parameters, z, u) => scaled(flow.inverse(parameters, mul(z, 1 / unit), u)),
  };
}
