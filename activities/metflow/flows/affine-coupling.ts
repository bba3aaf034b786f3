// RealNVP's coupling: some coordinates are kept and decide scale and shift of the others, conditional on u.

import { add, exp, mul, neg, split, sub, sum, tanh, type JaxArray } from '../../numeric/array-math.ts';
import type { Parameters } from '../parameters.ts';
import type { Bijection } from './bijection.ts';
import { alternating, condition, conditionerParameters, type Aggregation } from './conditioner.ts';

export interface CouplingOptions {
  readonly dim: number;
  /** Units in each of the two hidden layers. */
  readonly hidden: number;
  /** 0 keeps coordinates 0, 2, ...; 1 keeps 1, 3, ... */
  readonly parity: 0 | 1;
  /** null where the flow takes no innovation. @default null */
  readonly aggregation?: Aggregation | null;
}

/**
 * z' = z exp(s) + t with s = tanh(...), t from the kept coordinates; s = t = 0 for the kept ones.
 * @see Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", arXiv 1605.08803, section 3.2.
 */
export function affineCoupling({ dim, hidden, parity, aggregation = null }: CouplingOptions): Bijection {
  const conditioner = { dim, hidden, outputs: 2, aggregation };
  const kept = alternating(dim, parity);
  const scaleAndShift = (parameters: Parameters, z: JaxArray, u: JaxArray | null) => {
    const numbers = condition(conditioner, parameters, { z, u, kept });
    const [raw, shift] = split(numbers, [dim, dim], 1) as [JaxArray, JaxArray];
    return { logScale: tanh(raw), shift };
  };
  return {
    dim,
    usesInnovation: aggregation !== null,
    parameters: conditionerParameters(conditioner),
    forward(parameters, z, u) {
      const { logScale, shift } = scaleAndShift(parameters, z, u);
      return { z: add(mul(z, exp(logScale)), shift), logDet: sum(logScale, 1) };
    },
    inverse(parameters, z, u) {
      const { logScale, shift } = scaleAndShift(parameters, z, u);
      return { z: mul(sub(z, shift), exp(neg(logScale))), logDet: neg(sum(logScale, 1)) };
    },
  };
}
