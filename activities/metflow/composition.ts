// Compositions of kernels that keep the target: one after the other, or one drawn at random.

import { PipelineError } from '#schemas/errors.ts';
import { uniformAt } from '../numeric/philox-address.ts';
import type { Kernel, StepInfo } from './kernel.ts';

/** All chains share a mixture's choices: given these, the chains are independent, and batches keep their shape. */
const SHARED_CHAIN = 0xffffffff;
const MOST_PARTS = 256;

/**
 * Every kernel once, in order. Info lists them in that order.
 * @throws PipelineError `config-invalid` for no kernel, or more than 256 with those inside.
 */
export function cycle(kernels: readonly Kernel[]): Kernel {
  const firstParts = partition(kernels, 0);
  return {
    name: `cycle(${kernels.map(({ name }) => name).join(', ')})`,
    parts: countParts(kernels),
    async step(address, state, options) {
      const info: StepInfo[] = [];
      for (const [place, kernel] of kernels.entries()) {
        const part = (address.part ?? 0) + firstParts[place]!;
        const done = await kernel.step({ ...address, part }, state, options);
        state = done.state;
        info.push(...done.info);
      }
      return { state, info };
    },
  };
}

/**
 * One kernel a step, drawn with the given weights, the same for all chains.
 * @param weights - one positive number a kernel; they need not sum to 1.
 * @throws PipelineError `config-invalid` where weights are not positive and finite or miss a kernel.
 */
export function mixture(kernels: readonly Kernel[], weights: readonly number[]): Kernel {
  // The first part is the choice's own.
  const firstParts = partition(kernels, 1);
  const total = checkedTotal(kernels, weights);
  return {
    name: `mixture(${kernels.map(({ name }) => name).join(', ')})`,
    parts: countParts(kernels) + 1,
    step(address, state, options) {
      let left = total * uniformAt({ ...address, purpose: 'choice', chain: SHARED_CHAIN }, 0);
      const found = weights.findIndex((weight) => {
        left -= weight;
        return left < 0;
      });
      // Rounding may leave a trace after the last weight.
      const place = found === -1 ? kernels.length - 1 : found;
      const part = (address.part ?? 0) + firstParts[place]!;
      return kernels[place]!.step({ ...address, part }, state, options);
    },
  };
}

/** First part of each kernel, counted from the composition's own first. */
function partition(kernels: readonly Kernel[], own: number): readonly number[] {
  if (kernels.length === 0 || own + countParts(kernels) > MOST_PARTS) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: `a composition has from 1 to ${MOST_PARTS} kernels`,
      value: String(kernels.length),
    });
  }
  return kernels.map((_, place) => own + countParts(kernels.slice(0, place)));
}

function countParts(kernels: readonly Kernel[]): number {
  return kernels.reduce((sum, { parts }) => sum + parts, 0);
}

function checkedTotal(kernels: readonly Kernel[], weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const positive = weights.every((weight) => weight > 0) && Number.isFinite(total);
  if (positive && weights.length === kernels.length) return total;
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'a mixture has one positive, finite weight for each kernel',
    value: JSON.stringify(weights),
  });
}
