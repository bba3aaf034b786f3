// A traced target as the samplers evaluate it: compiled for one number of rows, to which every request is cut or
// padded, so that a row's result does not depend on how many others there are.

import { grad } from '@jax-js/jax';
import { sum, type JaxArray } from '../../numeric/array-math.ts';
import { compileFunction } from '../../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner, RunningProgram } from '../../numeric/onnx-program.ts';
import type { Target } from '../kernel.ts';
import { floatArray, type FloatArray, type FloatType } from '../parameters.ts';
import type { TracedTarget } from './target.ts';

/** Rows are computed in vectors of at most this many; a rest would be computed another way, with other last bits. */
const VECTOR_ROWS = 32;

/** The least whole number of vectors that holds `rows`: with it, bytes do not depend on a row's place. */
export function paddedRows(rows: number): number {
  return Math.ceil(rows / VECTOR_ROWS) * VECTOR_ROWS;
}

/** `rows` rows of `values` as `padded` rows; those that are added repeat the first. */
export function padRows(
  values: Float64Array,
  { rows, padded }: { rows: number; padded: number },
): Float64Array {
  const width = values.length / rows;
  const whole = new Float64Array(padded * width);
  whole.set(values);
  repeatFirst(whole, { rows, padded });
  return whole;
}

/** Fills the rows from `rows` on with the first. */
function repeatFirst(whole: FloatArray, { rows, padded }: { rows: number; padded: number }): void {
  const width = whole.length / padded;
  // Each copy doubles what is there.
  if (rows === padded) return;
  whole.copyWithin(rows * width, 0, width);
  for (let done = 1; rows + done < padded; done *= 2)
    whole.copyWithin((rows + done) * width, rows * width, (rows + done) * width);
}

export interface OpenTarget extends Target {
  logDensity(z: Float64Array): Promise<Float64Array>;
  close(): Promise<void>;
}

/**
 * @param rows - points per run of the program; requests of any length are served.
 * @param type - what the density computes in. @default 'float64'
 */
export async function openTarget(
  target: TracedTarget,
  options: { runner: ProgramRunner; rows: number; type?: FloatType },
): Promise<OpenTarget> {
  const { runner, type = 'float64' } = options;
  const rows = paddedRows(options.rows);
  const specs = [{ name: 'z', type, dims: [rows, target.dim] }];
  const density = (z: JaxArray) => target.logDensity(z.ref);
  const alone = await runner.open(compileFunction(({ z }) => ({ logDensity: density(z!) }), specs));
  const slope = grad(((z: JaxArray) => sum(density(z))) as never) as unknown as (z: JaxArray) => JaxArray;
  const both = await runner.open(
    compileFunction(({ z }) => ({ logDensity: density(z!), gradient: slope(z!.ref) }), specs),
  );
  const shape = { rows, dim: target.dim, type };
  const [densityAlone, densityAndGradient] = [inPieces(alone, shape), inPieces(both, shape)];
  return {
    dim: target.dim,
    ...(target.walls === undefined ? {} : { walls: target.walls }),
    async logDensity(z) {
      const [logDensity] = await densityAlone(z);
      return logDensity!;
    },
    async logDensityAndGradient(z) {
      const [logDensity, gradient] = await densityAndGradient(z);
      return { logDensity: logDensity!, gradient: gradient! };
    },
    async close() {
      await Promise.all([alone.close(), both.close()]);
    },
  };
}

interface CompiledShape {
  readonly rows: number;
  readonly dim: number;
  readonly type: FloatType;
}

/** Runs a program of so many rows on any number of them. */
function inPieces(
  program: RunningProgram,
  { rows, dim, type }: CompiledShape,
): (z: Float64Array) => Promise<Float64Array[]> {
  // What goes in is written into arrays that are used again: NUTS asks ten thousand times a second (bench `nuts`).
  const free: FloatArray[] = [];
  const widths = program.outputs.map(({ dims }) => (dims.length === 1 ? 1 : dim));
  const run = async (z: Float64Array, first: number, count: number): Promise<FloatArray[]> => {
    const piece = free.pop() ?? floatArray(type, rows * dim);
    piece.set(z.subarray(first * dim, (first + count) * dim));
    repeatFirst(piece, { rows: count, padded: rows });
    const outputs = (await program.run([piece])) as FloatArray[];
    free.push(piece);
    return outputs.map((output, i) => output.subarray(0, count * widths[i]!) as FloatArray);
  };
  return async (z) => {
    const asked = z.length / dim;
    if (asked <= rows && type === 'float64') return (await run(z, 0, asked)) as Float64Array[];
    const results = widths.map((width) => new Float64Array(asked * width));
    for (let first = 0; first < asked; first += rows) {
      const outputs = await run(z, first, Math.min(rows, asked - first));
      for (const [i, output] of outputs.entries()) results[i]!.set(output, first * widths[i]!);
    }
    return results;
  };
}
