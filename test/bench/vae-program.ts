// The gradient of a VAE with Bernoulli pixels as a compiled program, and data for it: what peer-gradients.py has in JAX.

import '../../activities/numeric/float16-array.ts';
import { valueAndGrad } from '@jax-js/jax';
import {
  add,
  exp,
  matmul,
  maximum,
  mean,
  mul,
  neg,
  softplus,
  split,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../activities/numeric/array-math.ts';
import { compileFunction, type NamedArrays } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

const LAYERS: readonly (readonly [number, number])[] = [
  [784, 400],
  [400, 400],
  [400, 128],
  [64, 400],
  [400, 400],
  [400, 784],
];
const VAE_ROWS = 128;

/** Minus the bound of a VAE with Bernoulli pixels, as the peer has it. */
function vaeLoss(p: NamedArrays, { x, eps }: { readonly x: JaxArray; readonly eps: JaxArray }): JaxArray {
  const dense = (i: number, h: JaxArray) => add(matmul(h, p[`w${i}`]!), p[`b${i}`]!);
  const relu = (h: JaxArray) => maximum(h, 0);
  const [centre, logScale] = split(dense(2, relu(dense(1, relu(dense(0, x))))), [64, 64], 1) as [
    JaxArray,
    JaxArray,
  ];
  const z = add(centre, mul(exp(logScale), eps));
  const logits = dense(5, relu(dense(4, relu(dense(3, z)))));
  const rebuilt = sum(sub(mul(x, logits), softplus(logits)), 1);
  const spread = mul(add(square(centre), exp(mul(logScale, 2))), 0.5);
  return neg(mean(sub(rebuilt, sum(sub(sub(spread, logScale), 0.5), 1))));
}

/** `value` and the gradients of all weights, float32. */
export function vaeProgram() {
  const names = LAYERS.flatMap((_, i) => [`w${i}`, `b${i}`]);
  const dims = LAYERS.flatMap(([from, to]) => [[from, to], [to]]);
  const specs = [
    ...names.map((name, i) => ({ name, type: 'float32' as const, dims: dims[i]! })),
    { name: 'x', type: 'float32' as const, dims: [VAE_ROWS, 784] },
    { name: 'eps', type: 'float32' as const, dims: [VAE_ROWS, 64] },
  ];
  const program = compileFunction((args) => {
    const loss = (...weights: JaxArray[]) => {
      const p = Object.fromEntries(names.map((name, i) => [name, weights[i]!]));
      return vaeLoss(p, { x: args.x!, eps: args.eps! });
    };
    const argnums = names.map((_, i) => i);
    const differentiate = valueAndGrad(loss as never, { argnums } as never) as unknown as (
      ...weights: JaxArray[]
    ) => [JaxArray, JaxArray[]];
    const [value, gradients] = differentiate(...names.map((name) => args[name]!.ref));
    return { value, ...Object.fromEntries(names.map((name, i) => [name, gradients[i]!])) };
  }, specs);
  const random = randomStream(2, 2);
  const data = specs.map(({ name, dims: [rows, columns = 1] }) => {
    const scale = name.startsWith('w') ? 1 / Math.sqrt(rows!) : name === 'eps' ? 1 : 0;
    const values = Float32Array.from({ length: rows! * columns }, () => scale * random.normal());
    return name === 'x' ? values.map(() => (random.uniform() < 0.2 ? 1 : 0)) : values;
  });
  return { program, data };
}
