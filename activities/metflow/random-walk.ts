// Symmetric random walk: z' = z + h sqrt(V) u, u ~ N(0, I).

import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import type { AcceptRule } from './acceptance.ts';
import { evaluateDensity, type Kernel, type KernelScales, type Target } from './kernel.ts';
import { settle } from './settle.ts';

export interface RandomWalkOptions {
  readonly scales: KernelScales;
  /** @default 'metropolis' */
  readonly rule?: AcceptRule;
}

/** @see Metropolis et al., "Equation of state calculations by fast computing machines", 1953. */
export function buildRandomWalk(target: Target, { scales, rule = 'metropolis' }: RandomWalkOptions): Kernel {
  const { stepSize, variance } = scales;
  return {
    name: 'rwm',
    parts: 1,
    async step(address, state, options) {
      const chains = address.chains.length;
      const z = fillNormals(new Float64Array(state.z.length), address.chains, { ...address, purpose: 'u' });
      for (let at = 0; at < z.length; at++) {
        const chain = Math.floor(at / target.dim);
        z[at] = state.z[at]! + stepSize[chain]! * Math.sqrt(variance[at]!) * z[at]!;
      }
      const found = await evaluateDensity(target, z.slice(), options);
      const logDensity = found.logDensity.slice();
      const logRatio = logDensity.map((value, chain) => value - state.logDensity[chain]!);
      const uniforms = fillUniforms(new Float64Array(chains), address.chains, {
        ...address,
        purpose: 'accept',
      });
      const proposal = { z, logDensity, gradient: found.gradient?.slice() ?? null, logRatio };
      const settled = settle(state, proposal, { kernel: 'rwm', rule, uniforms, evaluations: 1 });
      return { state: settled.state, info: [settled.info] };
    },
  };
}
