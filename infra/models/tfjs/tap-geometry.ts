// From a tap's tensor shape to code rows, and which axes must be turned on the way: TensorFlow.js keeps channels last,
// image codes are channel-major as everywhere in Tessera.

import { PipelineError } from '#schemas/errors.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import { codeRowBytes } from '../../../activities/polytope/code-layout.ts';
import type { NetTap, TfjsNet } from './net.ts';

export interface TapGeometry {
  readonly info: TapInfo;
  readonly rowsPerSample: number;
  readonly valuesPerSample: number;
  /** Bytes of one code row: whole 32-bit words. */
  readonly strideBytes: number;
  /**
   * How the tensor becomes code rows. `rows`: they are contiguous. `bits`: positions by channels, turned after packing.
   * `floats`: an axis permutation before packing.
   */
  readonly turn:
    | { readonly kind: 'rows' }
    | { readonly kind: 'bits' }
    | { readonly kind: 'floats'; readonly axes: readonly number[] };
}

export interface GeometryOptions {
  readonly granularity: 'image' | 'position';
  /** Samples in `dims`. */
  readonly samples: number;
  /** Tokens per sequence of a text model, else null. */
  readonly tokens: number | null;
  readonly layout: TfjsNet['layout'];
}

/**
 * Geometry of one tap whose tensor has shape `dims`.
 * @throws PipelineError `model-invalid` where the tensor is not made of whole samples (or tokens).
 */
export function tapGeometry(tap: NetTap, dims: readonly number[], options: GeometryOptions): TapGeometry {
  const { samples, tokens, granularity, layout } = options;
  const values = dims.reduce((product, size) => product * size, 1) / samples;
  const last = dims.at(-1) ?? 0;
  if (dims.length < 2 || dims.length > 4 || !Number.isInteger(values)) throw unfit(tap, dims);
  if (tokens !== null) {
    if (values !== tokens * last) throw unfit(tap, dims);
    return plain(tap, { kind: 'mlp_block', channels: last, height: 1, width: 1 }, tokens);
  }
  if (dims[0] !== samples) throw unfit(tap, dims);
  if (dims.length === 2) return plain(tap, { kind: 'dense', channels: last, height: 1, width: 1 }, 1);
  const byPosition = granularity === 'position';
  if (dims.length === 3 && !tap.fromConv) {
    const shape = { kind: 'mlp_block', channels: last, height: 1, width: dims[1]! } as const;
    return plain(tap, shape, byPosition ? dims[1]! : 1);
  }
  const channelsFirst = dims.length === 4 && layout === 'nchw';
  const [channels = 0, height = 1, width = 1] = channelsFirst
    ? dims.slice(1)
    : [last, dims.at(-3)!, dims.at(-2)!];
  const rows = dims.length === 3 ? 1 : height;
  const shape = { kind: 'conv', channels, height: rows, width } as const;
  const area = rows * width;
  if (byPosition)
    return { ...plain(tap, shape, area), turn: channelsFirst ? floats([0, 2, 3, 1]) : { kind: 'rows' } };
  const geometry = plain(tap, shape, 1);
  if (channelsFirst || area === 1) return geometry;
  // Whole bytes per channel and whole words per sample: then bits can be turned, which moves 32 times less than floats.
  const turnsBits = area % 8 === 0 && (channels * area) % 32 === 0;
  return {
    ...geometry,
    turn: turnsBits ? { kind: 'bits' } : floats(dims.length === 3 ? [0, 2, 1] : [0, 3, 1, 2]),
  };
}

type Shape = Pick<TapInfo, 'kind' | 'channels' | 'height' | 'width'>;

function plain(tap: NetTap, shape: Shape, rowsPerSample: number): TapGeometry {
  const { name, activation, exact } = tap;
  const isRowPerCell =
    rowsPerSample > 1 || shape.kind === 'dense' || (shape.kind === 'mlp_block' && shape.width === 1);
  const codeBits = isRowPerCell ? shape.channels : shape.channels * shape.height * shape.width;
  return {
    info: { name, activation, exact, ...shape, codeBits },
    rowsPerSample,
    valuesPerSample: rowsPerSample * codeBits,
    strideBytes: codeRowBytes(codeBits),
    turn: { kind: 'rows' },
  };
}

function floats(axes: readonly number[]): TapGeometry['turn'] {
  return { kind: 'floats', axes };
}

function unfit(tap: NetTap, dims: readonly number[]): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: 'a pre-activation does not consist of whole samples',
    where: tap.name,
    value: `shape [${dims.join(', ')}]`,
    remedy: 'Leave it out with model.taps.',
  });
}
