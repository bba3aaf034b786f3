// The walls that a point's code puts around it: each unit of a net of ReLUs is above 0 or not, and where all units before
// it are fixed that is a half-space. A Gaussian on the inputs becomes a standard normal of what the first layer sees:
// the net sees no more, so whatever lies across that is independent of every code, and is left out.

import { PipelineError } from '#schemas/errors.ts';
import { symmetricEigen } from '../numeric/symmetric-eigen.ts';
import type { DenseLayer, DenseNet } from './dense-net.ts';

export interface UnitWallsOptions {
  /** Its hidden layers have ReLUs, with or without a slope below 0; the last layer's outputs have no walls. */
  readonly net: DenseNet;
  /** `[inputs]` the point whose code it is. */
  readonly point: ArrayLike<number>;
  /** Mean of the Gaussian in every input, and its standard deviation. */
  readonly centre: number;
  readonly scale: number;
}

export interface UnitWalls {
  /** Coordinates: inputs, or the rank of the first layer where that is less. */
  readonly dim: number;
  /** `[inputs, dim]` orthonormal columns: an input is `centre + scale * basis . z`. */
  readonly basis: Float64Array;
  /** `[dim]` the point. */
  readonly start: Float64Array;
  /** Units, layer by layer: the wall of each, null where the units before leave it constant. */
  readonly walls: readonly (UnitWall | null)[];
  /** Units up to the end of each hidden layer. */
  readonly layerEnds: readonly number[];
}

export interface UnitWall {
  /** `[dim]` of unit length, towards the point. */
  readonly normal: Float64Array;
  /** `normal . z + offset >= 0` on the point's side. */
  readonly offset: number;
}

/** Directions with less of the first layer's Gram matrix than this share of the largest are none. */
const LEAST_SHARE = 1e-10;

/**
 * @throws PipelineError `shape-mismatch` for a point of another size, `config-invalid` for units that are not piecewise
 * linear, `data-invalid` where the point lies on a wall.
 */
export function unitWalls({ net, point, centre, scale }: UnitWallsOptions): UnitWalls {
  const first = net[0]!;
  checkNet(net, point);
  const { basis, dim } = seenDirections(first);
  const start = new Float64Array(dim);
  for (let i = 0; i < first.inputs; i++)
    for (let d = 0; d < dim; d++) start[d]! += (basis[i * dim + d]! * (point[i]! - centre)) / scale;
  let slopes = basis.map((value) => scale * value); // [inputs, dim]
  let offsets = new Float64Array(first.inputs).fill(centre); // at z = 0
  let values = Float64Array.from(point);
  const walls: (UnitWall | null)[] = [];
  const layerEnds: number[] = [];
  for (const layer of net.slice(0, -1)) {
    slopes = times(layer, slopes, dim);
    offsets = shifted(layer, times(layer, offsets, 1));
    values = shifted(layer, times(layer, values, 1));
    for (const [unit, value] of values.entries())
      walls.push(wallOf(value > 0 ? 1 : -1, slopes.subarray(unit * dim, (unit + 1) * dim), offsets[unit]!));
    layerEnds.push(walls.length);
    const factors = values.map((value) => (value > 0 ? 1 : slopeBelow(layer)!));
    slopes = slopes.map((value, at) => value * factors[Math.floor(at / dim)]!);
    offsets = offsets.map((value, unit) => value * factors[unit]!);
    values = values.map((value, unit) => value * factors[unit]!);
  }
  const found = { dim, basis, start, walls, layerEnds };
  checkInterior(found);
  return found;
}

/** Distance of coordinates from a wall, positive inside. */
export function margin({ normal, offset }: UnitWall, z: Float64Array): number {
  return normal.reduce((sum, value, i) => sum + value * z[i]!, offset);
}

function wallOf(sign: number, slope: Float64Array, offset: number): UnitWall | null {
  const length = Math.hypot(...slope);
  if (!(length > 0)) return null;
  return { normal: slope.map((value) => (sign * value) / length), offset: (sign * offset) / length };
}

/** Orthonormal columns that span the first layer's weights; the inputs themselves where that is no fewer. */
function seenDirections({ inputs, outputs, weight }: DenseLayer): { basis: Float64Array; dim: number } {
  if (outputs >= inputs) {
    const basis = Float64Array.from({ length: inputs * inputs }, (_, at) =>
      at % (inputs + 1) === 0 ? 1 : 0,
    );
    return { basis, dim: inputs };
  }
  const gram = new Float64Array(outputs * outputs);
  for (let i = 0; i < inputs; i++)
    for (let a = 0; a < outputs; a++)
      for (let b = 0; b < outputs; b++)
        gram[a * outputs + b]! += weight[i * outputs + a]! * weight[i * outputs + b]!;
  const { values, vectors } = symmetricEigen(gram, outputs);
  const dim = Math.max(1, values.filter((value) => value > LEAST_SHARE * values[0]!).length);
  const basis = new Float64Array(inputs * dim);
  for (let i = 0; i < inputs; i++)
    for (let d = 0; d < dim; d++) {
      let sum = 0;
      for (let u = 0; u < outputs; u++) sum += weight[i * outputs + u]! * vectors[d * outputs + u]!;
      basis[i * dim + d] = sum / Math.sqrt(values[d]!);
    }
  return { basis, dim };
}

/** `weight' x` for every column. @param x - `[inputs, columns]`. @returns `[outputs, columns]`. */
function times(
  { inputs, outputs, weight }: DenseLayer,
  x: Float64Array,
  columns: number,
): Float64Array<ArrayBuffer> {
  const out = new Float64Array(outputs * columns);
  for (let i = 0; i < inputs; i++)
    for (let u = 0; u < outputs; u++)
      for (let c = 0; c < columns; c++)
        out[u * columns + c]! += weight[i * outputs + u]! * x[i * columns + c]!;
  return out;
}

function shifted({ bias }: DenseLayer, values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return values.map((value, unit) => value + bias[unit]!);
}

/** Of a unit below 0; null where the activation is not piecewise linear with its only kink at 0. */
function slopeBelow({ activation }: DenseLayer): number | null {
  if (activation.kind === 'relu') return 0;
  return activation.kind === 'leaky' ? activation.slope : null;
}

function checkNet(net: DenseNet, point: ArrayLike<number>): void {
  const { inputs } = net[0]!;
  if (point.length !== inputs) {
    throw new PipelineError({
      kind: 'shape-mismatch',
      where: 'target.point',
      what: `the net has ${inputs} inputs`,
      value: String(point.length),
    });
  }
  const curved = net.slice(0, -1).find((layer) => slopeBelow(layer) === null);
  if (curved === undefined && net.length > 1) return;
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'target.model',
    what: 'regions are polytopes where hidden layers have ReLU or LeakyRelu',
    value: curved === undefined ? 'no hidden layer' : `a layer with ${curved.activation.kind}`,
  });
}

function checkInterior({ walls, start }: UnitWalls): void {
  const on = walls.findIndex((wall) => wall !== null && !(margin(wall, start) > 0));
  if (on === -1) return;
  throw new PipelineError({
    kind: 'data-invalid',
    where: 'target.point',
    what: 'the point lies on a wall of its region, where chains cannot start',
    value: `unit ${on}, distance ${margin(walls[on]!, start)}`,
    remedy: 'Give another point.',
  });
}
