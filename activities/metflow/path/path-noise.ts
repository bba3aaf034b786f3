// The random numbers of a batch of paths: named inputs of a compiled program, filled by address, so that any step of
// a training can be repeated alone.

import { less, number, where, type JaxArray } from '../../numeric/array-math.ts';
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

/** How a batch's directions are drawn: row by row, or half of the rows each way. */
export type DirectionDesign = 'independent' | 'balanced';

export interface NoiseShape {
  readonly rows: number;
  readonly type: FloatType;
  /** @default 'independent' */
  readonly design?: DirectionDesign;
}

export type NoiseData = FloatArray | Int32Array<ArrayBuffer>;

/** Balanced where a path has flows and allows it: an even batch of fair coins that no acceptance turns. */
export function bestDesign({ slots, directions }: PathModel, rows: number): DirectionDesign {
  const flows = slots.filter(({ kernel }) => kernel.name === 'metflow');
  const fair = flows.length > 0 && flows.every(({ kernel }) => kernel.directionLogit === undefined);
  return fair && directions === 'reversible' && rows % 2 === 0 ? 'balanced' : 'independent';
}

/** The noise's inputs, in the order of {@link drawNoise}. */
export function noiseSpecs(
  model: PathModel,
  { rows, type, design = 'independent' }: NoiseShape,
): ArgumentSpec[] {
  const { dim, slots, usesMomentum } = model;
  const wide = { type, dims: [rows, dim] };
  const long = { type, dims: [rows] };
  const whole = { type: 'int32', dims: [rows] } as const;
  return [
    { name: 'initial', ...wide },
    ...(usesMomentum ? [{ name: 'momentum', ...wide }] : []),
    ...slots.flatMap((slot, k) => [
      ...(slot.innovation === 'none'
        ? []
        : [{ name: `u${k}`, type, dims: [slot.innovation === 'fixed' ? 1 : rows, dim] }]),
      ...(isBalanced(slot, design)
        ? [
            { name: `order${k}`, ...whole },
            { name: `place${k}`, ...whole },
          ]
        : [{ name: `direction${k}`, ...long }]),
      { name: `accept${k}`, ...long },
    ]),
  ];
}

/** Fills the inputs of {@link noiseSpecs}; row r draws as chain `firstRow + r`. */
export function drawNoise(
  model: PathModel,
  { rows, type, design = 'independent', firstRow = 0 }: NoiseShape & { readonly firstRow?: number },
  { seed, step }: NoiseAddress,
): NoiseData[] {
  const chains = Uint32Array.from({ length: rows }, (_, row) => firstRow + row);
  const normals = (purpose: DrawPurpose, part: number) =>
    toFloats(fillNormals(new Float64Array(rows * model.dim), chains, { seed, step, purpose, part }), type);
  // Both uniforms of a step come from one block of random bits.
  const coins = (part: number) => {
    const both = fillUniforms(new Float64Array(2 * rows), chains, { seed, step, purpose: 'accept', part });
    return [0, 1].map((from) => everyOther(both, from)) as [Float64Array, Float64Array];
  };
  return [
    normals('init', 0),
    ...(model.usesMomentum ? [normals('initMomentum', 0)] : []),
    ...model.slots.flatMap((slot, k): NoiseData[] => {
      const [accept, coin] = coins(k);
      const fair = slot.kernel.directionLogit === undefined;
      const directions = () => [toFloats(fair ? coin.map((one) => (one < 0.5 ? 1 : -1)) : coin, type)];
      return [
        ...(slot.innovation === 'none'
          ? []
          : [slot.innovation === 'fixed' ? fixedInnovation(model, { seed, k, type }) : normals('u', k)]),
        ...(isBalanced(slot, design) ? shuffledRows(coin) : directions()),
        toFloats(accept, type),
      ];
    }),
  ];
}

function isBalanced({ kernel }: PathModel['slots'][number], design: DirectionDesign): boolean {
  return design === 'balanced' && kernel.name === 'metflow';
}

function everyOther(values: Float64Array, from: number): Float64Array {
  const half = new Float64Array(values.length / 2);
  for (let at = 0; at < half.length; at++) half[at] = values[2 * at + from]!;
  return half;
}

/** A random order of the rows and each row's place in it (Fisher and Yates), from one uniform a row. */
function shuffledRows(
  uniforms: Float64Array,
): [order: Int32Array<ArrayBuffer>, place: Int32Array<ArrayBuffer>] {
  const order = Int32Array.from(uniforms.keys());
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(uniforms[last]! * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  const place = new Int32Array(order.length);
  for (const [at, row] of order.entries()) place[row] = at;
  return [order, place];
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
  const balanced = slots.map((_, k) => {
    const order = args[`order${k}`];
    return order === undefined ? null : { order, place: args[`place${k}`]! };
  });
  const like = args.initial!;
  return {
    initial: like,
    momentum: usesMomentum ? args.momentum! : null,
    u: slots.map(({ innovation }, k) => (innovation === 'none' ? null : args[`u${k}`]!)),
    direction: balanced.map((rows, k) =>
      rows === null ? args[`direction${k}`]! : directionOf(rows.place, like),
    ),
    balanced,
    accept: slots.map((_, k) => args[`accept${k}`]!),
  };
}

/** 1 for the first half of the places, -1 for the second. */
function directionOf(place: JaxArray, like: JaxArray): JaxArray {
  return where(less(place, place.shape[0]! / 2), number(1, like), number(-1, like));
}
