// The bound with all acceptances summed out, by following both branches of every step: what sampled estimates of the
// bound and of its gradient must average to. Rows double at each step.

import { logNormal, type Density, type PathPoint } from '../../activities/metflow/path/path-kernel.ts';
import { boundKernels, startOf, type PathModel } from '../../activities/metflow/path/path-model.ts';
import { logProduct } from '../../activities/metflow/path/reverse.ts';
import type { PathDraws } from '../../activities/metflow/path/run-path.ts';
import { underPrefix, type Parameters } from '../../activities/metflow/parameters.ts';
import {
  add,
  concatenate,
  exp,
  filled,
  less,
  mul,
  neg,
  reshape,
  softplus,
  sub,
  sum,
  type JaxArray,
} from '../../activities/numeric/array-math.ts';

/** `[rows]` sum over a of A(a) W(a), Barker acceptance, uniform or product reverse law, momentum where there is any. */
export function enumeratedBound(
  model: PathModel,
  parameters: Parameters,
  {
    draws,
    density,
  }: { draws: PathDraws & { initial: JaxArray; momentum: JaxArray | null }; density: Density },
): JaxArray {
  const rows = draws.initial.shape[0]!;
  const start = startOf(model, parameters, draws.initial);
  let at: PathPoint = { z: start.z, logDensity: density(start.z), momentum: draws.momentum };
  let logWeight = filled(0, [rows], start.z);
  let logDets = filled(0, [rows], start.z);
  const bits: JaxArray[] = [];
  for (const [k, { kernel, parameters: own }] of boundKernels(model, parameters).entries()) {
    const copies = 2 ** k;
    const u = draws.u[k] ?? null;
    const step = {
      u: u === null || u.shape[0] === 1 ? u : twice(u, copies),
      direction: twice(draws.direction[k]!, copies),
    };
    const found = kernel.propose(own, at, step, density);
    // Barker, written out: log(t / (1 + t)) and log(1 / (1 + t)).
    const accept = neg(softplus(neg(found.logRatio)));
    const reject = neg(softplus(found.logRatio));
    const common = found.commonLogDet ?? filled(0, [rows * copies], start.z);
    logWeight = concatenate([add(logWeight, accept), add(logWeight, reject)], 0);
    logDets = concatenate([add(add(logDets, found.logDet), common), add(logDets, common)], 0);
    at = joined(found.moved, found.stayed);
    for (const [i, bit] of bits.entries()) bits[i] = twice(bit, 2);
    const [yes, no] = [filled(1, [rows * copies], start.z), filled(0, [rows * copies], start.z)];
    bits.push(concatenate([yes, no], 0));
  }
  const joint = at.momentum === null ? at.logDensity : add(at.logDensity, logNormal(at.momentum));
  const branches = 2 ** model.slots.length;
  const logStart =
    draws.momentum === null ? start.logDensity : add(start.logDensity, logNormal(draws.momentum));
  const reverse =
    model.reverse.law === 'uniform'
      ? -model.slots.length * Math.LN2
      : logProduct(
          underPrefix(parameters, 'reverse'),
          at.z,
          bits.map((bit) => less(0.5, bit)),
        );
  const integrand = sub(add(add(joint, reverse), logDets), add(twice(logStart, branches), logWeight));
  return sum(reshape(mul(exp(logWeight), integrand), [branches, rows]), 0);
}

function joined(a: PathPoint, b: PathPoint): PathPoint {
  return {
    z: concatenate([a.z, b.z], 0),
    logDensity: concatenate([a.logDensity, b.logDensity], 0),
    momentum: a.momentum === null ? null : concatenate([a.momentum, b.momentum!], 0),
  };
}

function twice(x: JaxArray, copies: number): JaxArray {
  return concatenate(Array<JaxArray>(copies).fill(x), 0);
}
