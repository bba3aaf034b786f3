// Metropolis-adjusted Langevin: z' = z + h V G(z) + sqrt(2 h V) u with G the gradient of the log density.

import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import type { AcceptRule } from './acceptance.ts';
import { evaluate, gradientOf, type Kernel, type KernelScales, type Target } from './kernel.ts';
import { settle } from './settle.ts';

export interface MalaOptions {
  /** `stepSize` is h, half the variance of a move in units of `variance`. */
  readonly scales: KernelScales;
  /** @default 'metropolis' */
  readonly rule?: AcceptRule;
}

/** @see Roberts and Tweedie, "Exponential convergence of Langevin distributions", 1996. */
export function buildMala(target: Target, { scales, rule = 'metropolis' }: MalaOptions): Kernel {
  return {
    name: 'mala',
    parts: 1,
    async step(address, state, options) {
      const chains = address.chains.length;
      const from = await gradientOf(target, state, options);
      const u = fillNormals(new Float64Array(state.z.length), address.chains, { ...address, purpose: 'u' });
      const z = new Float64Array(u.length);
      for (let at = 0; at < z.length; at++) {
        const drift = driftScale(scales, at, target.dim);
        z[at] = state.z[at]! + drift * from[at]! + Math.sqrt(2 * drift) * u[at]!;
      }
      const found = await evaluate(target, z.slice(), options);
      const gradient = found.gradient.slice();
      const logDensity = found.logDensity.slice();
      const logRatio = new Float64Array(chains);
      for (let at = 0; at < z.length; at++) {
        const drift = driftScale(scales, at, target.dim);
        // The normal that would lead back from z'.
        const back = (state.z[at]! - z[at]! - drift * gradient[at]!) / Math.sqrt(2 * drift);
        logRatio[Math.floor(at / target.dim)]! += (u[at]! * u[at]! - back * back) / 2;
      }
      for (let chain = 0; chain < chains; chain++) {
        logRatio[chain]! += logDensity[chain]! - state.logDensity[chain]!;
      }
      const uniforms = fillUniforms(new Float64Array(chains), address.chains, {
        ...address,
        purpose: 'accept',
      });
      const proposal = { z, logDensity, gradient, logRatio };
      const settled = settle({ ...state, gradient: from }, proposal, {
        kernel: 'mala',
        rule,
        uniforms,
        evaluations: 1,
      });
      return { state: settled.state, info: [settled.info] };
    },
  };
}

function driftScale({ stepSize, variance }: KernelScales, at: number, dim: number): number {
  return stepSize[Math.floor(at / dim)]! * variance[at]!;
}
