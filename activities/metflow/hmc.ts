// Hamiltonian Monte Carlo with full or partial refreshment of the momentum. Momentum is kept in units where its law
// is N(0, I): with s = sqrt(variance), a leapfrog step is w += h/2 s G, z += h s w, w += h/2 s G.

import { PipelineError } from '#schemas/errors.ts';
import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import type { AcceptRule } from './acceptance.ts';
import {
  evaluate,
  gradientOf,
  type ChainState,
  type Kernel,
  type KernelScales,
  type StepAddress,
  type StepOptions,
  type Target,
} from './kernel.ts';
import { chooseRows, settle } from './settle.ts';

export interface HmcOptions {
  readonly scales: KernelScales;
  /** Leapfrog steps of a trajectory, at least 1. */
  readonly steps: number;
  /** Share c of the momentum that a step keeps, in [0, 1): `c w + sqrt(1 - c^2) u`. @default 0, full refreshment */
  readonly kept?: number;
  /** @default 'metropolis' */
  readonly rule?: AcceptRule;
}

/** Position, momentum, density and gradient along a trajectory. */
interface PhasePoint {
  readonly z: Float64Array;
  readonly momentum: Float64Array;
  readonly logDensity: Float64Array;
  readonly gradient: Float64Array;
}

/**
 * After acceptance the momentum goes on, after rejection it is reversed: with partial refreshment any mix of signs
 * that does not come from flipping all of them would not keep the target.
 * @throws PipelineError `config-invalid` where `steps` or `kept` are out of range.
 * @see Neal, "MCMC using Hamiltonian dynamics", 2011; Horowitz, "A generalized guided Monte Carlo algorithm", 1991.
 */
export function buildHmc(target: Target, options: HmcOptions): Kernel {
  const { scales, steps, kept = 0, rule = 'metropolis' } = options;
  checkRange('steps', steps, Number.isInteger(steps) && steps >= 1);
  checkRange('kept', kept, kept >= 0 && kept < 1);
  return {
    name: 'hmc',
    parts: 1,
    async step(address, state, stepOptions) {
      const chains = address.chains.length;
      const gradient = await gradientOf(target, state, stepOptions);
      const momentum = refresh(state.momentum, address, kept);
      const start = { ...state, momentum, gradient };
      const end = await leapfrog(target, start, { scales, steps, ...stepOptions });
      const logRatio = new Float64Array(chains);
      for (let chain = 0; chain < chains; chain++) {
        logRatio[chain] = logJoint(end, chain, target.dim) - logJoint(start, chain, target.dim);
      }
      const uniforms = fillUniforms(new Float64Array(chains), address.chains, {
        ...address,
        purpose: 'accept',
      });
      const info = { kernel: 'hmc', rule, uniforms, evaluations: steps };
      const settled = settle(start, { ...end, logRatio }, info);
      const reversed = momentum.map((value) => -value);
      const after = chooseRows(settled.info.accepted, end.momentum, reversed);
      return { state: { ...settled.state, momentum: after }, info: [settled.info] };
    },
  };
}

function refresh(momentum: Float64Array, address: StepAddress, kept: number): Float64Array {
  const drawn = fillNormals(new Float64Array(momentum.length), address.chains, {
    ...address,
    purpose: 'momentum',
  });
  if (kept === 0) return drawn;
  const fresh = Math.sqrt(1 - kept * kept);
  return drawn.map((value, at) => kept * momentum[at]! + fresh * value);
}

async function leapfrog(
  target: Target,
  start: ChainState & PhasePoint,
  { scales, steps, ...options }: { readonly scales: KernelScales; readonly steps: number } & StepOptions,
): Promise<PhasePoint> {
  const { stepSize, variance } = scales;
  const scale = variance.map((value, at) => stepSize[Math.floor(at / target.dim)]! * Math.sqrt(value));
  const z = start.z.slice();
  const momentum = start.momentum.slice();
  let { gradient, logDensity } = start;
  for (let step = 0; step < steps; step++) {
    for (let at = 0; at < z.length; at++) {
      momentum[at]! += 0.5 * scale[at]! * gradient[at]!;
      z[at]! += scale[at]! * momentum[at]!;
    }
    const found = await evaluate(target, z.slice(), options);
    ({ gradient, logDensity } = found);
    for (let at = 0; at < z.length; at++) momentum[at]! += 0.5 * scale[at]! * gradient[at]!;
  }
  return { z, momentum, logDensity: logDensity.slice(), gradient: gradient.slice() };
}

/** log pi(z) - |w|^2 / 2 of one chain, up to a constant. */
function logJoint({ logDensity, momentum }: PhasePoint, chain: number, dim: number): number {
  let squared = 0;
  for (let at = chain * dim; at < (chain + 1) * dim; at++) squared += momentum[at]! * momentum[at]!;
  return logDensity[chain]! - squared / 2;
}

function checkRange(name: string, value: number, holds: boolean): void {
  if (holds) return;
  throw new PipelineError({
    kind: 'config-invalid',
    what:
      name === 'steps' ? 'HMC takes at least one leapfrog step' : 'HMC keeps a share of momentum in [0, 1)',
    where: `kernels.${name}`,
    value: String(value),
  });
}
