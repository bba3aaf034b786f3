// Counting bits that rounding could flip, inside the graph: |z| < 1e-5 (|w| |a| + |b|) per unit, with exact
// weight norms.

import type { GraphIndex } from './graph.ts';
import { type GraphPatch, rowCounts } from './graph-patch.ts';
import type { TapGeometry } from './geometry.ts';
import { rowDims, type TapOutput } from './packing-ways.ts';
import type { NodeProto } from './proto.ts';
import { floatAttribute, floatValues, intAttribute, tensorDims } from './tensors.ts';

/** Share of |w| |a| + |b| below which a float32 sum's sign is not trusted. */
export const AMBIGUITY = 1e-5;

/** Adds a tap's output of ambiguous bits per code row. */
export function addAmbiguity(
  patch: GraphPatch,
  index: GraphIndex,
  geometry: TapGeometry,
  { tap, samples }: { readonly tap: number; readonly samples: number },
): TapOutput {
  const z = geometry.found.name;
  const limit = patch.add('Mul', [
    magnitude({ patch, index, rank: geometry.dims.length, depth: 4 }, z),
    patch.floats([], [AMBIGUITY]),
  ]);
  const unsure = patch.add('Less', [patch.add('Abs', [z]), limit]);
  const dims = rowDims(geometry, samples);
  return { tap, role: 'ambiguous', name: rowCounts(patch, unsure, geometry, samples), type: 'float32', dims };
}

/** What the recursion carries: rank is that of the pre-activation, which sums and normalisations keep. */
interface Sizing {
  readonly patch: GraphPatch;
  readonly index: GraphIndex;
  readonly rank: number;
  readonly depth: number;
}

/**
 * A tensor that broadcasts to `tensor`'s shape: the size of the sum's terms, |w| |a| + |b| where the maker is
 * a layer.
 */
function magnitude(sizing: Sizing, tensor: string): string {
  const maker = sizing.index.producerOf(tensor);
  const known =
    maker === undefined || sizing.depth === 0
      ? undefined
      : layerMagnitude({ ...sizing, depth: sizing.depth - 1 }, maker);
  return known ?? sizing.patch.add('Abs', [tensor]);
}

function layerMagnitude(sizing: Sizing, maker: NodeProto): string | undefined {
  const { patch, index } = sizing;
  const [first = '', second = ''] = maker.input;
  switch (maker.opType) {
    case 'Gemm':
      return gemm(patch, index, maker);
    case 'MatMul': {
      const norms = columnNorms(index, second, false);
      return norms === undefined ? undefined : timesLastAxisNorm(patch, first, norms);
    }
    case 'Conv':
      return conv(patch, index, maker);
    case 'Add':
    case 'Sub':
      return patch.add('Add', [magnitude(sizing, first), magnitude(sizing, second)]);
    case 'BatchNormalization':
      return batchNorm(sizing, maker);
    default:
      return undefined;
  }
}

function gemm(patch: GraphPatch, index: GraphIndex, maker: NodeProto): string | undefined {
  const norms = columnNorms(index, maker.input[1] ?? '', intAttribute(maker, 'transB', 0) === 1);
  if (norms === undefined || intAttribute(maker, 'transA', 0) === 1) return undefined;
  const alpha = Math.abs(floatAttribute(maker, 'alpha', 1));
  const product = timesLastAxisNorm(patch, maker.input[0] ?? '', {
    inputs: norms.inputs,
    norms: norms.norms.map((norm) => norm * alpha),
  });
  const bias = maker.input[2];
  if (bias === undefined || bias === '') return product;
  const beta = patch.floats([], [Math.abs(floatAttribute(maker, 'beta', 1))]);
  return patch.add('Add', [product, patch.add('Mul', [patch.add('Abs', [bias]), beta])]);
}

interface ColumnNorms {
  readonly inputs: number;
  readonly norms: Float32Array;
}

/** Norm of each unit's weights, of a stored matrix that may sit behind a Transpose. */
function columnNorms(index: GraphIndex, name: string, transposed: boolean): ColumnNorms | undefined {
  const stored = index.constantOf(name);
  if (stored === undefined) {
    const maker = index.producerOf(name);
    return maker?.opType === 'Transpose' ? columnNorms(index, maker.input[0] ?? '', !transposed) : undefined;
  }
  const dims = tensorDims(stored);
  const values = floatValues(stored);
  if (values === null || dims.length !== 2) return undefined;
  const [rows, columns] = dims as [number, number];
  const squares = new Float64Array(transposed ? rows : columns);
  for (let i = 0; i < values.length; i++) {
    const unit = transposed ? Math.floor(i / columns) : i % columns;
    squares[unit] = (squares[unit] ?? 0) + (values[i] as number) ** 2;
  }
  return { inputs: transposed ? columns : rows, norms: Float32Array.from(squares, Math.sqrt) };
}

/** |a| over the last axis, times the norm of each weight column. */
function timesLastAxisNorm(patch: GraphPatch, input: string, { inputs, norms }: ColumnNorms): string {
  const squares = patch.add('MatMul', [
    patch.add('Mul', [input, input]),
    patch.floats([inputs, 1], new Float32Array(inputs).fill(1)),
  ]);
  return patch.add('Mul', [patch.add('Sqrt', [squares]), patch.floats([norms.length], norms)]);
}

/** Patch norms are a convolution of a^2 with ones, so padding and strides count as in the layer. */
function conv(patch: GraphPatch, index: GraphIndex, maker: NodeProto): string | undefined {
  const stored = index.constantOf(maker.input[1] ?? '');
  const weights = stored === undefined ? null : floatValues(stored);
  if (stored === undefined || weights === null) return undefined;
  const [channels = 0, ...kernel] = tensorDims(stored);
  const size = kernel.reduce((product, dim) => product * dim, 1);
  const norms = Float32Array.from({ length: channels }, (_, c) =>
    Math.hypot(...weights.subarray(c * size, (c + 1) * size)),
  );
  const grouped = intAttribute(maker, 'group', 1) > 1;
  const rows = grouped ? channels : 1;
  const ones = patch.floats([rows, ...kernel], new Float32Array(rows * size).fill(1));
  const square = patch.add('Mul', [maker.input[0] ?? '', maker.input[0] ?? '']);
  const sums = patch.copy(maker, [square, ones]);
  const perChannel = [1, channels, ...kernel.slice(1).map(() => 1)];
  // Fast convolution algorithms may leave a tiny negative sum where the patch is zero.
  const root = patch.add('Sqrt', [patch.add('Relu', [sums])]);
  const product = patch.add('Mul', [root, patch.floats(perChannel, norms)]);
  const bias = maker.input[2];
  if (bias === undefined || bias === '') return product;
  return patch.add('Add', [product, patch.reshape(patch.add('Abs', [bias]), perChannel)]);
}

/** Folding: s (x - mean) / sqrt(var + eps) + shift has terms of size |s'| |x|, |s' mean| and |shift|. */
function batchNorm(sizing: Sizing, maker: NodeProto): string | undefined {
  const { patch, index, rank } = sizing;
  const [scale, shift, mean, variance] = maker.input.slice(1).map((name) => {
    const stored = index.constantOf(name);
    return stored === undefined ? null : floatValues(stored);
  });
  if (!scale || !shift || !mean || !variance) return undefined;
  const epsilon = floatAttribute(maker, 'epsilon', 1e-5);
  const factors = scale.map((value, c) => Math.abs(value) / Math.sqrt((variance[c] ?? 0) + epsilon));
  const offsets = factors.map((factor, c) => factor * Math.abs(mean[c] ?? 0) + Math.abs(shift[c] ?? 0));
  const dims = [1, scale.length, ...new Array<number>(rank - 2).fill(1)];
  const scaled = patch.add('Mul', [magnitude(sizing, maker.input[0] ?? ''), patch.floats(dims, factors)]);
  return patch.add('Add', [scaled, patch.floats(dims, offsets)]);
}
