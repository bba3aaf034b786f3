// A traced target as the samplers evaluate it: compiled for one number of rows, to which every request is cut or
// padded, so that a row's result does not depend on how many others there are.

import { grad } from '@jax-js/jax';
import { sum, type JaxArray } from '../../numeric/array-math.ts';
import { compileFunction } from '../../numeric/jaxpr-to-onnx.ts';
import type { ProgramRunner, RunningProgram } from '../../numeric/onnx-program.ts';
import type { Target } from '../kernel.ts';
import { toFloats, type FloatArray, type FloatType } from '../parameters.ts';
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
  for (let row = rows; row < padded; row++) whole.copyWithin(row * width, 0, width);
  return whole;
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
  return {
    dim: target.dim,
    async logDensity(z) {
      const [logDensity] = await inPieces(alone, z, { rows, dim: target.dim, type });
      return logDensity!;
    },
    async logDensityAndGradient(z) {
      const [logDensity, gradient] = await inPieces(both, z, { rows, dim: target.dim, type });
      return { logDensity: logDensity!, gradient: gradient! };
    },
    async close() {
      await Promise.all([alone.close(), both.close()]);
    },
  };
}

async function inPieces(
  program: RunningProgram,
  z: Float64Array,
  { rows, dim, type }: { rows: number; dim: number; type: FloatType },
): Promise<Float64Array[]> {
  const asked = z.length / dim;
  const results = program.outputs.map(({ dims }) => new Float64Array(asked * (dims.length === 1 ? 1 : dim)));
  for (let first = 0; first < asked; first += rows) {
    const count = Math.min(rows, asked - first);
    const asIs = z.subarray(first * dim, (first + count) * dim);
    const piece = padRows(asIs, { rows: count, padded: rows });
    const outputs = (await program.run([toFloats(piece, type)])) as FloatArray[];
    for (const [i, output] of outputs.entries()) {
      const width = output.length / rows;
      results[i]!.set(output.subarray(0, count * width), first * width);
    }
  }
  return results;
}
