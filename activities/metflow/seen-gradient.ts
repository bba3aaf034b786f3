// The gradient of a loss together with other figures of the same pass. jax-js offers auxiliary values for it, but does not
// lower them where the loss takes gradients itself, as Hamiltonian steps do. Here they come out as the gradient of the
// loss by a probe that is 0.

import { grad } from '@jax-js/jax';
import { add, filled, mul, stopGradient, sum, type JaxArray } from '../numeric/array-math.ts';

export interface SeenLoss {
  /** A scalar to descend along. */
  readonly value: JaxArray;
  /** `[size]` figures that are not differentiated. */
  readonly seen: JaxArray;
}

/** @param size - how many figures the loss shows. */
export function gradientAndSeen(
  loss: (theta: JaxArray) => SeenLoss,
  theta: JaxArray,
  size: number,
): { readonly gradient: JaxArray; readonly seen: JaxArray } {
  const probed = (at: JaxArray, probe: JaxArray): JaxArray => {
    const { value, seen } = loss(at);
    return add(value, sum(mul(probe, stopGradient(seen))));
  };
  const differentiate = grad(probed as never, { argnums: [0, 1] }) as unknown as (
    theta: JaxArray,
    probe: JaxArray,
  ) => [JaxArray, JaxArray];
  const [gradient, seen] = differentiate(theta.ref, filled(0, [size], theta));
  return { gradient, seen };
}
