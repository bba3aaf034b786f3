// The random numbers of a batch of paths: named inputs of a compiled program, filled by address, so that any step of
// a training can be repeated alone.

import type { JaxArray } from '../../numeric/array-math.ts';
import type { ArgumentSpec, NamedArrays } from '../../numeric/jaxpr-to-onnx.ts';
import { fillNormals, fillUniforms, type DrawPurpose } from '../../numeric/philox-address.ts';
import { toFloats, type FloatArray, type FloatType } from '../parameters.ts';
import type { ElboDraws } from './elbo.ts';
import type { PathModel } from './path-model.ts';

export interface NoiseAddress {
  readonly seed: number;
  readonly step: number;
}

/** Where the vectors of `fixed` innovations lie: a step that no run reaches. */
const FIXED_STEP = 2 ** 52;

/** The noise's inputs, in the order of {@link drawNoise}. */
export function noiseSpecs(
  model: PathModel,
  { rows, type }: { readonly rows: number; readonly type: FloatType },
): ArgumentSpec[] {
  const { dim, slots, usesMomentum } = model;
  const wide = { type, dims: [rows, dim] };
  const long = { type, dims: [rows] };
  return [
    { name: 'initial', ...wide },
    ...(usesMomentum ? [{ name: 'momentum', ...wide }] : []),
    ...slots.flatMap(({ innovation }, k) => [
      ...(innovation === 'none'
        ? []
        : [{ name: `u${k}`, type, dims: [innovation === 'fixed' ? 1 : rows, dim] }]),
      { name: `direction${k}`, ...long },
      { name: `accept${k}`, ...long },
    ]),
  ];
}

/** Fills the inputs of {@link noiseSpecs}; row r draws as chain `firstRow + r`. */
export function drawNoise(
  model: PathModel,
  {
    rows,
    type,
    firstRow = 0,
  }: { readonly rows: number; readonly type: FloatType; readonly firstRow?: number },
  { seed, step }: NoiseAddress,
): FloatArray[] {
  const chains = Uint32Array.from({ length: rows }, (_, row) => firstRow + row);
  const normals = (purpose: DrawPurpose, part: number) =>
    toFloats(fillNormals(new Float64Array(rows * model.dim), chains, { seed, step, purpose, part }), type);
  const uniforms = (purpose: DrawPurpose, part: number) =>
    fillUniforms(new Float64Array(rows), chains, { seed, step, purpose, part });
  return [
    normals('init', 0),
    ...(model.usesMomentum ? [normals('initMomentum', 0)] : []),
    ...model.slots.flatMap(({ innovation }, k) => [
      ...(innovation === 'none'
        ? []
        : [innovation === 'fixed' ? fixedInnovation(model, { seed, k, type }) : normals('u', k)]),
      toFloats(
        uniforms('v', k).map((coin) => (coin < 0.5 ? 1 : -1)),
        type,
      ),
      toFloats(uniforms('accept', k), type),
    ]),
  ];
}

/** The vector that step k of a model with `fixed` conditioning always gets, `[1, dim]`. */
export function fixedInnovation(
  { dim }: PathModel,
  { seed, k, type }: { readonly seed: number; readonly k: number; readonly type: FloatType },
): FloatArray {
  const address = { seed, step: FIXED_STEP, purpose: 'u', part: k } as const;
  return toFloats(fillNormals(new Float64Array(dim), Uint32Array.of(0), address), type);
}

/** The traced inputs as the formulas take them. */
export function noiseArrays({ slots, usesMomentum }: PathModel, args: NamedArrays): ElboDraws {
  const each = (name: string): JaxArray[] => slots.map((_, k) => args[`${name}${k}`]!);
  return {
    initial: args.initial!,
    momentum: usesMomentum ? args.momentum! : null,
    u: slots.map(({ innovation }, k) => (innovation === 'none' ? null : args[`u${k}`]!)),
    direction: each('direction'),
    accept: each('accept'),
  };
}
