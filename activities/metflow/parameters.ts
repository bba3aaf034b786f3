// Trained parameters: named arrays to the formulas, one flat vector to optimisers and checkpoints.

import { reshape, split, type JaxArray } from '../numeric/array-math.ts';
import { fillNormals } from '../numeric/philox-address.ts';

export type FloatType = 'float32' | 'float64';

export type FloatArray = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

export interface ParameterSpec {
  readonly name: string;
  readonly dims: readonly number[];
  /** Row-major start values from as many standard normals. */
  initial(normals: Float64Array): Float64Array;
}

/** Arrays by name, as the formulas see them. */
export type Parameters = Readonly<Record<string, JaxArray>>;

/** Independent normals of standard deviation `scale`. */
export function normalInit(scale: number): ParameterSpec['initial'] {
  return (normals) => normals.map((value) => scale * value);
}

export function constantInit(value: number): ParameterSpec['initial'] {
  return (normals) => normals.fill(value);
}

/** Specs under `prefix.`, so that several parts of a model keep theirs apart. */
export function prefixed(prefix: string, specs: readonly ParameterSpec[]): ParameterSpec[] {
  return specs.map((spec) => ({ ...spec, name: `${prefix}.${spec.name}` }));
}

/** The arrays that {@link prefixed} put under `prefix.`, under their own names again. */
export function underPrefix(parameters: Parameters, prefix: string): Parameters {
  const start = `${prefix}.`;
  const own = Object.entries(parameters).filter(([name]) => name.startsWith(start));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(start.length), value]));
}

export function parameterCount(specs: readonly ParameterSpec[]): number {
  return specs.reduce((total, { dims }) => total + sizeOf(dims), 0);
}

/** Start values, a function of the seed and of each parameter's place. */
export function initialParameters(
  specs: readonly ParameterSpec[],
  { seed, type }: { readonly seed: number; readonly type: FloatType },
): FloatArray {
  const flat = floatArray(type, parameterCount(specs));
  const chain = Uint32Array.of(0);
  let at = 0;
  for (const [place, { dims, initial }] of specs.entries()) {
    const normals = new Float64Array(sizeOf(dims));
    fillNormals(normals, chain, { seed, step: place, purpose: 'initWeights' });
    flat.set(initial(normals), at);
    at += normals.length;
  }
  return flat;
}

/** The flat vector's pieces in their shapes. */
export function unpackParameters(flat: JaxArray, specs: readonly ParameterSpec[]): Parameters {
  const pieces = split(
    flat,
    specs.map(({ dims }) => sizeOf(dims)),
    0,
  );
  return Object.fromEntries(specs.map(({ name, dims }, i) => [name, reshape(pieces[i]!, dims)]));
}

export function floatArray(type: FloatType, length: number): FloatArray {
  return type === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** A copy in the given type. */
export function toFloats(values: ArrayLike<number>, type: FloatType): FloatArray {
  return type === 'float32' ? new Float32Array(values) : new Float64Array(values);
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}
