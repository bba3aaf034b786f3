// Every primitive that jax-js can trace and the compiler takes, in each element type, against jax-js' own execution;
// then gradients of whole networks. What the compiler does not take is refused by name.

import { describe, expect, it } from 'vitest';
import '../../activities/numeric/float16-array.ts';
import {
  defaultDevice,
  grad,
  init,
  lax,
  nn,
  numpy as np,
  random,
  valueAndGrad,
  type Array as JaxArray,
} from '@jax-js/jax';
import {
  compileFunction,
  type ArgumentSpec,
  type NamedArrays,
} from '../../activities/numeric/jaxpr-to-onnx.ts';
import type { TensorData } from '../../activities/numeric/onnx-program.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';
import { ELEMENTWISE, FLOATS, STRUCTURE, type Fn, type Range } from './jaxpr-cases.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

// Its CPU backend is plain JavaScript, with exponentials and logarithms in double precision; the others have them
// in single.
await init('cpu');
defaultDevice('cpu');

const runner = createProgramRunner();

const rows = Object.entries({ ...ELEMENTWISE, ...STRUCTURE }).flatMap(([name, one]) =>
  (one.types ?? FLOATS).map((type) => ({ name, type, one })),
);

describe('a compiled primitive', () => {
  it.each(rows)('$name in $type is what jax-js computes', async ({ name, type, one }) => {
    const specs = one.dims.map((dims, i) => ({ name: `x${i}`, type, dims }));
    const data = specs.map((spec, i) => sample(spec, one.range ?? 'any', `${name}/${i}`));
    await expectSame(one.fn, specs, data, type === 'float32' ? 3e-6 : 1e-13);
  });

  it('is refused by name where ONNX Runtime cannot run it', () => {
    const specs: ArgumentSpec[] = [{ name: 'x', type: 'float32', dims: [3, 3] }];
    const cholesky = ({ x }: NamedArrays) => ({ y: lax.linalg.cholesky(x!) });
    expect(() => compileFunction(cholesky, specs)).toThrow(/primitive cholesky/);
    const bits = ({ x }: NamedArrays) => ({ y: x!.add(random.uniform(random.key(1), [3, 3])) });
    // A draw without an address could not be repeated.
    expect(() => compileFunction(bits, specs)).toThrow(/random_bits.*Pass random numbers in as an input/);
  });
});

describe('a compiled gradient', () => {
  it.each(FLOATS)('of an autoencoder with a Gaussian code in %s is what jax-js computes', async (type) => {
    const specs: ArgumentSpec[] = [
      { name: 'x', type, dims: [5, 12] },
      { name: 'noise', type, dims: [5, 3] },
      { name: 'w1', type, dims: [12, 8] },
      { name: 'b1', type, dims: [8] },
      { name: 'w2', type, dims: [8, 6] },
      { name: 'w3', type, dims: [3, 8] },
      { name: 'w4', type, dims: [8, 12] },
    ];
    const data = specs.map((spec) => sample(spec, 'small', spec.name));
    const fn = valueAndGrad(negativeElbo as never, { argnums: [2, 3, 4, 5, 6] } as never) as unknown as (
      ...args: JaxArray[]
    ) => [JaxArray, JaxArray[]];
    await expectSame(
      (...args) => {
        const [v, g] = fn(...args);
        return [v, ...g];
      },
      specs,
      data,
      type === 'float32' ? 2e-5 : 1e-12,
    );
  });
});

describe('functions that jax-js spells out', () => {
  const gradientOf = (fn: (x: JaxArray) => JaxArray) =>
    grad(((x: JaxArray) => fn(x).sum()) as never) as unknown as Fn;
  const cases: Record<string, { fn: Fn; values: (x: number) => number; ops: readonly string[] }> = {
    tanh: { fn: (x) => np.tanh(x), values: Math.tanh, ops: ['Tanh', 'Identity'] },
    'the slope of tanh': {
      fn: gradientOf((x) => np.tanh(x)),
      values: (x) => 1 - Math.tanh(x) ** 2,
      ops: ['Tanh', 'Mul', 'Sub', 'Identity'],
    },
    sigmoid: { fn: (x) => nn.sigmoid(x), values: logistic, ops: ['Sigmoid', 'Identity'] },
    softplus: {
      fn: (x) => nn.softplus(x),
      values: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
      ops: ['Softplus', 'Identity'],
    },
    'the slope of softplus': {
      fn: gradientOf((x) => nn.softplus(x)),
      values: logistic,
      ops: ['Sigmoid', 'Identity'],
    },
  };
  const points = [-1000, -40, -3, 0, 1e-3, 2, 40, 1000];
  it.each(Object.entries(cases))(
    '%s is one operator again, and exact far out',
    async (_, { fn, values, ops }) => {
      for (const type of FLOATS) {
        const compiled = compileFunction(
          ({ x }) => ({ y: fn(x!) as JaxArray }),
          [{ name: 'x', type, dims: [points.length] }],
        );
        if (type === 'float32') expect(compiled.nodes.map(({ op }) => op)).toEqual(ops);
        const program = await runner.open(compiled);
        const [found] = await program.run([
          type === 'float32' ? Float32Array.from(points) : Float64Array.from(points),
        ]);
        await program.close();
        const tolerance = type === 'float32' ? 1e-6 : 1e-14;
        for (const [i, x] of points.entries()) {
          expect(Math.abs(Number(found![i]) - values(x))).toBeLessThanOrEqual(
            tolerance * Math.max(1, Math.abs(x)),
          );
        }
      }
    },
  );
});

describe('softplus of a large float32 array', () => {
  it('is made of vectorised operators, and as exact', async () => {
    const size = 2 ** 14;
    const spec = { name: 'x', type: 'float32' as const, dims: [size] };
    const compiled = compileFunction(({ x }) => ({ y: nn.softplus(x!) as JaxArray }), [spec]);
    expect(compiled.nodes.map(({ op }) => op)).not.toContain('Softplus');
    const x = Float32Array.from({ length: size }, (_, i) => (200 * i) / size - 100);
    const program = await runner.open(compiled);
    const [found] = await program.run([x]);
    await program.close();
    for (const [i, value] of x.entries()) {
      const want = Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
      if (Math.abs(Number(found![i]) - want) > 1e-6 * Math.max(1, want))
        expect([value, found![i]]).toEqual([value, want]);
    }
  });
});

describe('the sum of an outer product', () => {
  it('is a matrix product: what is summed is never stored', () => {
    const specs = [
      { name: 'w', type: 'float64' as const, dims: [7, 3] },
      { name: 'x', type: 'float64' as const, dims: [5, 7] },
    ];
    const { nodes } = compileFunction(
      ({ w, x }) => ({ y: np.expandDims(x!, 2).mul(np.expandDims(w!, 0)).sum(1) }),
      specs,
    );
    expect(nodes.map(({ op }) => op)).not.toContain('Mul');
  });
});

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** -ELBO of a variational autoencoder with Bernoulli pixels, summed over the batch. */
function negativeElbo(...[x, noise, w1, b1, w2, w3, w4]: JaxArray[]): JaxArray {
  const hidden = np.tanh(np.matmul(x!.ref, w1!).add(b1!));
  const [mean, logScale] = np.split(np.matmul(hidden, w2!), 2, 1) as [JaxArray, JaxArray];
  const z = mean.ref.add(np.exp(logScale.ref).mul(noise!));
  const decoded = nn.relu(np.matmul(z, w3!));
  const logits = np.matmul(decoded, w4!);
  const likelihood = x!.mul(logits.ref).sub(nn.softplus(logits)).sum();
  const divergence = mean.ref
    .mul(mean)
    .add(np.exp(logScale.ref.mul(2)))
    .sub(logScale.mul(2))
    .sub(1)
    .sum()
    .mul(0.5);
  return divergence.sub(likelihood);
}

async function expectSame(
  fn: Fn,
  specs: readonly ArgumentSpec[],
  data: readonly TensorData[],
  tolerance: number,
) {
  const named = (args: NamedArrays): NamedArrays => {
    const results = [fn(...specs.map(({ name }) => args[name]!))].flat();
    return Object.fromEntries(results.map((result, i) => [`y${i}`, result]));
  };
  const expected = [fn(...specs.map((spec, i) => jaxArray(spec, data[i]!)))].flat();
  const program = await runner.open(compileFunction(named, specs));
  try {
    const found = await program.run(data);
    expect(found).toHaveLength(expected.length);
    for (const [i, array] of expected.entries()) {
      expect(program.outputs[i]!.dims).toEqual(array.shape);
      const want = Array.from(array.dataSync() as Float32Array);
      const scale = Math.max(1, ...want.map(Math.abs));
      const gap = Math.max(...want.map((value, at) => Math.abs(Number(found[i]![at]) - value)));
      expect(gap / scale).toBeLessThanOrEqual(tolerance);
    }
  } finally {
    await program.close();
  }
}

function jaxArray({ type, dims }: ArgumentSpec, data: TensorData): JaxArray {
  const elements = type === 'bool' ? Int32Array.from(data as Uint8Array) : data;
  return np.array(elements as never, { shape: [...dims], dtype: type as never });
}

function sample({ type, dims }: ArgumentSpec, range: Range, name: string): TensorData {
  const rng = randomStream(7, ...[...name].slice(0, 4).map((letter) => letter.charCodeAt(0)));
  const size = dims.reduce((a, b) => a * b, 1);
  const numbers = Array.from({ length: size }, () => {
    const u = rng.uniform();
    if (range === 'positive') return 0.1 + 3 * u;
    if (range === 'unit') return 2 * u - 1;
    return range === 'small' ? u - 0.5 : 8 * u - 4;
  });
  switch (type) {
    case 'float32':
      return Float32Array.from(numbers);
    case 'float64':
      return Float64Array.from(numbers);
    case 'int32':
      return Int32Array.from(numbers, (x) => Math.ceil(range === 'positive' ? 5 * x : 50 * x));
    case 'uint32':
      return Uint32Array.from(numbers, (x) => Math.ceil(Math.abs(5e8 * x)) + 1);
    default:
      return Uint8Array.from(numbers, (x) => (x > 0 ? 1 : 0));
  }
}
