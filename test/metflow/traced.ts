// Runs traced functions once, as tests do.

import '../../activities/numeric/float16-array.ts';
import { type ChainState, initState } from '../../activities/metflow/kernel.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import {
  compileFunction,
  type ArgumentSpec,
  type NamedArrays,
} from '../../activities/numeric/jaxpr-to-onnx.ts';
import type { TensorData } from '../../activities/numeric/onnx-program.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';

export const runner = createProgramRunner();

export type Arrays = Record<string, Float64Array>;

/** Where chains begin, with the target's density there. @param z - `[chains, dim]`. */
export async function firstState(
  target: TracedTarget,
  z: Float64Array,
  chains: Uint32Array,
): Promise<ChainState> {
  const open = await openTarget(target, { runner, rows: chains.length });
  try {
    return await initState(open, z, { seed: 2, chains });
  } finally {
    await open.close();
  }
}

/** A compiled function of float64 arrays, to be called often and closed. */
export async function compiled(
  fn: (args: NamedArrays) => NamedArrays,
  dims: Readonly<Record<string, readonly number[]>>,
): Promise<{ (data: Arrays): Promise<Arrays>; close(): Promise<void> }> {
  const specs: ArgumentSpec[] = Object.entries(dims).map(([name, shape]) => ({
    name,
    type: 'float64',
    dims: shape,
  }));
  const program = await runner.open(compileFunction(fn, specs));
  const call = async (data: Arrays): Promise<Arrays> => {
    const results = await program.run(specs.map(({ name }) => data[name]!));
    return Object.fromEntries(program.outputs.map(({ label }, i) => [label, doubles(results[i]!)]));
  };
  return Object.assign(call, { close: () => program.close() });
}

/** Compiles, runs once, closes. */
export async function evaluated(
  fn: (args: NamedArrays) => NamedArrays,
  inputs: Readonly<Record<string, { readonly dims: readonly number[]; readonly data: Float64Array }>>,
): Promise<Arrays> {
  const dims = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.dims]));
  const call = await compiled(fn, dims);
  try {
    return await call(Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.data])));
  } finally {
    await call.close();
  }
}

function doubles(data: TensorData): Float64Array {
  return Float64Array.from(data as Float64Array, Number);
}
