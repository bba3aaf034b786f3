// The random numbers of a batch of images, filled by address.

import type { ArgumentSpec, NamedArrays } from '../../numeric/jaxpr-to-onnx.ts';
import { fillNormals } from '../../numeric/philox-address.ts';
import { type FloatType, toFloats } from '../parameters.ts';
import type { ElboDraws } from '../path/elbo.ts';
import {
  bestDesign,
  type DirectionDesign,
  drawNoise,
  type NoiseData,
  noiseArrays,
  noiseSpecs,
} from '../path/path-noise.ts';
import type { VaeModel } from './vae-model.ts';

export interface VaeRows {
  readonly rows: number;
  readonly type: FloatType;
  /** @default 'independent' */
  readonly design?: DirectionDesign;
}

/** Where a path allows it half of a training batch goes each way; rows of evaluations are independent. */
export function trainingRows({ path }: VaeModel, rows: VaeRows): VaeRows {
  return path === null ? rows : { ...rows, design: bestDesign(path, rows.rows) };
}

/** The inputs of a batch's random numbers: those of its path, or the normals that the encoder's law is drawn with. */
export function batchSpecs({ path, shape }: VaeModel, of: VaeRows): ArgumentSpec[] {
  const { rows, type } = of;
  if (path !== null) return noiseSpecs(path, of);
  return [{ name: 'initial', type, dims: [rows, shape.latent] }];
}

/** Fills the inputs of {@link batchSpecs}. */
export function batchNoise(
  { path, shape }: VaeModel,
  of: VaeRows,
  address: { readonly seed: number; readonly step: number },
): NoiseData[] {
  const { rows, type } = of;
  if (path !== null) return drawNoise(path, of, address);
  const chains = Uint32Array.from({ length: rows }, (_, row) => row);
  const normals = fillNormals(new Float64Array(rows * shape.latent), chains, { ...address, purpose: 'init' });
  return [toFloats(normals, type)];
}

/** The traced inputs as the bound takes them. */
export function drawsOf({ path }: VaeModel, args: NamedArrays): ElboDraws {
  if (path !== null) return noiseArrays(path, args);
  return { initial: args.initial!, momentum: null, u: [], direction: [], accept: [] };
}
