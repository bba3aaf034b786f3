// The law of the acceptances given where a path ended, which closes the bound: uniform, a learned product, or the
// exact one by enumeration.

import {
  add,
  column,
  concatenate,
  filled,
  logSumExp,
  matmul,
  maximum,
  neg,
  reshape,
  softplus,
  sub,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { AcceptRule } from '../acceptance.ts';
import { constantInit, normalInit, type ParameterSpec, type Parameters } from '../parameters.ts';
import type { Density } from './path-kernel.ts';
import { logAcceptance, logRejection, type BoundKernel, type PathDraws } from './run-path.ts';

export interface ReverseLaw {
  readonly law: 'uniform' | 'product' | 'exact';
}

/** Hidden units of the product's network per step. */
const UNITS_PER_STEP = 5;

export function reverseParameters(
  { law }: ReverseLaw,
  { dim, steps }: { readonly dim: number; readonly steps: number },
): ParameterSpec[] {
  if (law !== 'product') return [];
  const hidden = UNITS_PER_STEP * steps;
  return [
    { name: 'w1', dims: [dim, hidden], initial: normalInit(Math.sqrt(1 / dim)) },
    { name: 'b1', dims: [hidden], initial: constantInit(0) },
    { name: 'w2', dims: [hidden, steps], initial: normalInit(0.01) },
    { name: 'b2', dims: [steps], initial: constantInit(0) },
  ];
}

/**
 * `[rows]` log r(a | z) of the product law.
 * @param accepted - one `[rows]` bool array per step.
 */
export function logProduct(p: Parameters, z: JaxArray, accepted: readonly JaxArray[]): JaxArray {
  const hidden = maximum(add(matmul(z, p.w1!), p.b1!), 0);
  const logits = add(matmul(hidden, p.w2!), p.b2!);
  return accepted
    .map((bit, step) => {
      const logit = column(logits, step);
      return neg(softplus(where(bit, neg(logit), logit)));
    })
    .reduce((total, term) => add(total, term));
}

/**
 * `[rows]` log m(z | u): the path's density at z with its acceptances summed out, by walking back from z through all
 * 2^K of them, a level at a time.
 */
export function logMarginal(
  kernels: readonly BoundKernel[],
  z: JaxArray,
  options: {
    readonly draws: PathDraws;
    readonly density: Density;
    readonly rule: AcceptRule;
    readonly logInitial: Density;
  },
): JaxArray {
  const { draws, density, rule, logInitial } = options;
  const rows = z.shape[0]!;
  let logDensity = density(z);
  let weight = filled(0, [rows], z);
  for (let k = kernels.length - 1; k >= 0; k--) {
    const copies = z.shape[0]! / rows;
    const { kernel, parameters } = kernels[k]!;
    const u = draws.u[k]!;
    const step = {
      u: u === null || u.shape[0] === 1 ? u : tiled(u, copies),
      direction: tiled(draws.direction[k]!, copies),
    };
    const here = kernel.propose(parameters, { z, logDensity, momentum: null }, step, density);
    const back = kernel.retrace!(parameters, z, step);
    const backDensity = density(back.z);
    const ratio = sub(add(logDensity, back.logDet), backDensity);
    const rejected = add(weight, logRejection(here.logRatio, rule));
    const accepted = add(weight, sub(logAcceptance(ratio, rule), back.logDet));
    z = concatenate([z, back.z], 0);
    logDensity = concatenate([logDensity, backDensity], 0);
    weight = concatenate([rejected, accepted], 0);
  }
  const branches = z.shape[0]! / rows;
  return logSumExp(reshape(add(weight, logInitial(z)), [branches, rows]), 0);
}

function tiled(x: JaxArray, copies: number): JaxArray {
  return concatenate(Array<JaxArray>(copies).fill(x), 0);
}
