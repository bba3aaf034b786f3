// From a tap's tensor shape to code rows: how many per sample, how many bits, and whether the bits lie in
// planes.

import { PipelineError } from '#schemas/errors.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import type { GraphIndex } from './graph.ts';
import type { FoundTap } from './taps.ts';
import { codeRowBytes } from '../../../activities/polytope/code-layout.ts';
import { elements } from './tensors.ts';

/** How the values of one sample become code rows. */
export interface TapGeometry {
  readonly found: FoundTap;
  readonly info: TapInfo;
  /** Shape of the tensor for one sample: a batch multiplies the first entry. */
  readonly dims: readonly number[];
  readonly valuesPerSample: number;
  readonly rowsPerSample: number;
  /** Bytes of one code row: whole 32-bit words. */
  readonly strideBytes: number;
  /**
   * `rows`: the values of a code row are contiguous. `planes`: `[channels, positions]` must be turned to
   * `[positions, channels]`.
   */
  readonly layout: 'rows' | 'planes';
}

export interface GeometryOptions {
  readonly granularity: 'image' | 'position';
  /** Number of samples that `dims` was measured with. */
  readonly samples: number;
  /** Tokens per sequence of a text model, else null. */
  readonly tokens: number | null;
}

/**
 * Geometry of one tap whose tensor has shape `dims`.
 * @throws PipelineError `model-invalid` where the tensor is not made of whole samples (or tokens).
 */
export function tapGeometry(
  found: FoundTap,
  dims: readonly number[],
  index: GraphIndex,
  options: GeometryOptions,
): TapGeometry {
  const { samples, tokens, granularity } = options;
  const first = (dims[0] ?? 0) / samples;
  const perSample = [first, ...dims.slice(1)];
  const values = elements(perSample);
  const width = dims.at(-1) ?? 0;
  const fits = Number.isInteger(first) && dims.length >= 2 && values > 0;
  if (!fits || (tokens !== null && values !== tokens * width)) throw unfit(found, dims);
  if (tokens !== null) return geometry(found, perSample, tokenShape(width, tokens));
  if (dims.length === 2 && first === 1)
    return geometry(found, perSample, { ...tokenShape(width, 1), kind: 'dense' });
  const byPosition = granularity === 'position';
  if (dims.length >= 4 || (dims.length === 3 && comesFromConv(index, found.name))) {
    return geometry(found, perSample, convShape(dims, byPosition));
  }
  // Tokens of an image transformer: channels lie last, so positions are already rows.
  const positions = values / width;
  const shape = { kind: 'mlp_block', channels: width, height: 1, width: positions, layout: 'rows' } as const;
  const code = byPosition ? { rows: positions, bits: width } : { rows: 1, bits: values };
  return geometry(found, perSample, { ...shape, ...code });
}

/** What is known of a tap before any shape is: sizes are 0. */
export function unknownGeometry(found: FoundTap): TapInfo {
  const { name, activation, exact } = found;
  return { name, activation, exact, kind: 'dense', channels: 0, height: 0, width: 0, codeBits: 0 };
}

interface Shape {
  readonly kind: TapInfo['kind'];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly rows: number;
  readonly bits: number;
  readonly layout: 'rows' | 'planes';
}

function geometry(
  found: FoundTap,
  dims: readonly number[],
  { kind, channels, height, width, rows, bits, layout }: Shape,
): TapGeometry {
  const { name, activation, exact } = found;
  const info: TapInfo = { name, kind, activation, channels, height, width, codeBits: bits, exact };
  return {
    found,
    info,
    dims,
    valuesPerSample: rows * bits,
    rowsPerSample: rows,
    strideBytes: codeRowBytes(bits),
    layout,
  };
}

function tokenShape(channels: number, rows: number): Shape {
  return { kind: 'mlp_block', channels, height: 1, width: 1, rows, bits: channels, layout: 'rows' };
}

function convShape(dims: readonly number[], byPosition: boolean): Shape {
  const [channels = 0, ...spatial] = dims.slice(1);
  const area = elements(spatial);
  const height = spatial.length === 1 ? 1 : (spatial[0] ?? 1);
  const shape = { kind: 'conv', channels, height, width: area / height } as const;
  if (!byPosition) return { ...shape, rows: 1, bits: channels * area, layout: 'rows' };
  return { ...shape, rows: area, bits: channels, layout: area === 1 ? 'rows' : 'planes' };
}

function comesFromConv(index: GraphIndex, tensor: string, depth = 6): boolean {
  const maker = index.producerOf(tensor);
  if (maker === undefined || depth === 0) return false;
  if (maker.opType === 'Conv' || maker.opType === 'ConvTranspose') return true;
  if (maker.opType === 'MatMul' || maker.opType === 'Gemm') return false;
  return maker.input.some((name) => comesFromConv(index, name, depth - 1));
}

function unfit(found: FoundTap, dims: readonly number[]): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: 'a pre-activation does not consist of whole samples',
    where: found.name,
    value: `shape [${dims.join(', ')}]`,
    remedy: 'Leave it out with model.taps.',
  });
}
