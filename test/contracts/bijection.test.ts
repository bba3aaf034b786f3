// What every flow owes: an exact inverse, the log determinant of its Jacobian, gradients for all of its parameters,
// and an error where shapes are wrong.

import { describe, expect, it } from 'vitest';
import '../../activities/numeric/float16-array.ts';
import { grad, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { applyForward, applyInverse, type Bijection } from '../../activities/metflow/flows/bijection.ts';
import {
  parameterCount,
  toFloats,
  unpackParameters,
  type FloatType,
} from '../../activities/metflow/parameters.ts';
import { add, mul, sum } from '../../activities/numeric/array-math.ts';
import { compileFunction, type NamedArrays } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';
import { FLOWS, float32Error } from '../metflow/flow-table.ts';

const ROWS = 64;
const runner = createProgramRunner();
const flows = Object.entries(FLOWS);

describe.each(flows)('%s', (name, build) => {
  const flow = build();

  it.each(['float64', 'float32'] as const)('comes back from where it went, in %s', async (type) => {
    const z = uniforms(ROWS * flow.dim, 50, 1);
    const there = await run(flow, 'forward', z, type);
    const back = await run(flow, 'inverse', there.z, type);
    expect(largestGap(back.z, z)).toBeLessThan(type === 'float64' ? 1e-9 : float32Error(name));
    const sums = there.logDet.map((value, row) => value + back.logDet[row]!);
    expect(
      largestGap(
        sums,
        sums.map(() => 0),
      ),
    ).toBeLessThan(type === 'float64' ? 1e-9 : float32Error(name));
    if (flow.parameters.length > 0) expect(largestGap(there.z, z)).toBeGreaterThan(0.1);
  });

  it.each(['forward', 'inverse'] as const)('knows the log determinant of its Jacobian, %s', async (way) => {
    const z = uniforms(ROWS * flow.dim, 5, 2);
    const { logDet } = await run(flow, way, z, 'float64');
    const numeric = await numericLogDets(flow, way, z);
    expect(largestGap(logDet, numeric)).toBeLessThan(1e-6);
  });

  it('gives every parameter a gradient', async () => {
    if (flow.parameters.length === 0) return;
    const specs = inputsOf(flow, 'float64');
    const loss = (theta: JaxArray, z: JaxArray, u: JaxArray | null) => {
      const mapped = applyForward(flow, unpackParameters(theta, flow.parameters), z, u);
      // Not of the norm alone, which rotations keep.
      return add(sum(mul(mapped.z, add(mapped.z, 1))), sum(mul(mapped.logDet, 3)));
    };
    const program = await runner.open(
      compileFunction(({ theta, z, u }: NamedArrays) => {
        const of = (value: JaxArray) => loss(value, z!, flow.usesInnovation ? u! : null);
        return { gradient: (grad(of as never) as unknown as (t: JaxArray) => JaxArray)(theta!.ref) };
      }, specs),
    );
    const [gradient] = await program.run(dataOf(flow, uniforms(ROWS * flow.dim, 5, 3), 'float64'));
    await program.close();
    let at = 0;
    for (const { name: parameter, dims } of flow.parameters) {
      const own = Array.from(gradient as Float64Array).slice(at, at + dims.reduce((a, b) => a * b, 1));
      at += own.length;
      expect(own.every(Number.isFinite), parameter).toBe(true);
      // A coupling of one coordinate keeps none to depend on.
      if (flow.dim === 1 && /w[12]$/.test(parameter)) continue;
      expect(
        own.some((value) => Math.abs(value) > 1e-6),
        parameter,
      ).toBe(true);
    }
  });

  it('refuses arrays of another shape', () => {
    const parameters = unpackParameters(np.zeros([parameterCount(flow.parameters)]), flow.parameters);
    const u = flow.usesInnovation ? np.zeros([3, flow.dim]) : null;
    const wide = np.zeros([3, flow.dim + 1]);
    expect(() => applyForward(flow, parameters, wide, u)).toThrow(/maps rows of/);
    expect(() => applyInverse(flow, parameters, np.zeros([flow.dim]), u)).toThrow(/maps rows of/);
    const wrongU = flow.usesInnovation ? null : np.zeros([3, flow.dim]);
    expect(() => applyForward(flow, parameters, np.zeros([3, flow.dim]), wrongU)).toThrow(/innovation/);
  });
});

interface Rows {
  readonly z: Float64Array;
  readonly logDet: Float64Array;
}

function inputsOf(flow: Bijection, type: FloatType) {
  return [
    // A flow without parameters still gets an array: graphs have no empty inputs.
    { name: 'theta', type, dims: [Math.max(1, parameterCount(flow.parameters))] },
    { name: 'z', type, dims: [ROWS, flow.dim] },
    { name: 'u', type, dims: [ROWS, flow.dim] },
  ];
}

function dataOf(flow: Bijection, z: Float64Array, type: FloatType) {
  const theta = uniforms(Math.max(1, parameterCount(flow.parameters)), 0.7, 4);
  return [theta, z, uniforms(ROWS * flow.dim, 2, 5)].map((values) => toFloats(values, type));
}

async function run(
  flow: Bijection,
  way: 'forward' | 'inverse',
  z: Float64Array,
  type: FloatType,
): Promise<Rows> {
  const apply = way === 'forward' ? applyForward : applyInverse;
  const traced = ({ theta, z: rows, u }: NamedArrays): NamedArrays => {
    const parameters = flow.parameters.length === 0 ? {} : unpackParameters(theta!, flow.parameters);
    return { ...apply(flow, parameters, rows!, flow.usesInnovation ? u! : null) };
  };
  const program = await runner.open(compileFunction(traced, inputsOf(flow, type)));
  const [moved, logDet] = await program.run(dataOf(flow, z, type));
  await program.close();
  return { z: Float64Array.from(moved as Float64Array), logDet: Float64Array.from(logDet as Float64Array) };
}

/** log |det| of central differences, row by row. */
async function numericLogDets(flow: Bijection, way: 'forward' | 'inverse', z: Float64Array) {
  const { dim } = flow;
  const step = 1e-5;
  const columns: Float64Array[] = [];
  for (let j = 0; j < dim; j++) {
    const shifted = (sign: number) => z.map((value, at) => (at % dim === j ? value + sign * step : value));
    const [up, down] = [
      await run(flow, way, shifted(1), 'float64'),
      await run(flow, way, shifted(-1), 'float64'),
    ];
    columns.push(up.z.map((value, at) => (value - down.z[at]!) / (2 * step)));
  }
  return Float64Array.from({ length: ROWS }, (_, row) => {
    const matrix = columns.map((values) => Array.from(values.subarray(row * dim, (row + 1) * dim)));
    return Math.log(Math.abs(determinant(matrix)));
  });
}

function determinant(matrix: number[][]): number {
  if (matrix.length === 1) return matrix[0]![0]!;
  return matrix[0]!.reduce((total, value, j) => {
    const minor = matrix.slice(1).map((line) => line.filter((_, at) => at !== j));
    return total + (j % 2 === 0 ? 1 : -1) * value * determinant(minor);
  }, 0);
}

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, at) => Math.abs(value - b[at]!)));
}

/** Numbers in (-size, size). */
function uniforms(count: number, size: number, stream: number): Float64Array {
  const rng = randomStream(11, stream);
  return Float64Array.from({ length: count }, () => size * (2 * rng.uniform() - 1));
}
