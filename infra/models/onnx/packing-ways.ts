// The ways from pre-activations to packed codes. All read the same tensors, so all give the same bytes; they
// differ in speed.

import { PipelineError } from '#schemas/errors.ts';
import { type GraphPatch, rowCounts, rowSums, signBits } from './graph-patch.ts';
import type { TapGeometry } from './geometry.ts';
import { ELEMENT } from './tensors.ts';

/**
 * Names of the ways, as `codes.packing` takes them. `float-simd` reads floats and packs them outside of the
 * graph, `float-nhwc` has the graph turn images to channels last first (one bit row per position),
 * `bool-simd` reads bytes 0 and 1, `matmul` and `int8-matmul` weight bits by powers of two inside the graph.
 */
export const PACKING_WAYS = ['float-simd', 'float-nhwc', 'bool-simd', 'matmul', 'int8-matmul'] as const;

export type PackingWay = (typeof PACKING_WAYS)[number];

/** What a tap's graph output holds, and so what is left to do outside of the graph. */
export type TapOutputRole = 'values' | 'rows' | 'bools' | 'codes' | 'guard' | 'soft' | 'ambiguous';

/** One output that the session reads for a tap. */
export interface TapOutput {
  readonly tap: number;
  readonly role: TapOutputRole;
  readonly name: string;
  readonly type: 'float32' | 'bool' | 'uint8';
  readonly dims: readonly number[];
}

/** @throws PipelineError `config-invalid` for an unknown name. */
export function parsePackingWay(name: string): PackingWay | 'auto' {
  const found = PACKING_WAYS.find((way) => way === name);
  if (found !== undefined || name === 'auto') return found ?? 'auto';
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'no such way of packing for ONNX models',
    where: 'codes.packing',
    value: name,
    remedy: `Allowed: auto, ${PACKING_WAYS.join(', ')}`,
  });
}

/** Which tap is packed how; `samples` is the fixed batch of the session. */
export interface PackingTask {
  readonly tap: number;
  readonly way: PackingWay;
  readonly samples: number;
}

/** Adds one tap's outputs to the graph. */
export function addTapOutputs(patch: GraphPatch, geometry: TapGeometry, task: PackingTask): TapOutput[] {
  const { tap, way, samples } = task;
  const { observed, activation } = geometry.found;
  const floats = way === 'float-simd' || way === 'float-nhwc';
  const outputs = floats ? [floatOutput(patch, geometry, task)] : bitOutputs(patch, geometry, task);
  if (activation === 'Gelu' && !countsInKernel(geometry, way)) {
    const within = patch.add('Less', [patch.add('Abs', [observed]), patch.floats([], [SOFT_LIMIT])]);
    const name = rowCounts(patch, within, geometry, samples);
    outputs.push({ tap, role: 'soft', name, type: 'float32', dims: rowDims(geometry, samples) });
  }
  return outputs;
}

/** A GELU pre-activation within ±2 is counted as soft. */
export const SOFT_LIMIT = 2;

/** Whether soft pre-activations are counted by the kernel, from float values that are there anyway. */
export function countsInKernel(geometry: TapGeometry, way: PackingWay): boolean {
  return (
    geometry.found.activation === 'Gelu' &&
    (way === 'float-nhwc' || (way === 'float-simd' && geometry.layout === 'rows'))
  );
}

/** Shape of a tensor of one number per code row, as {@link rowSums} gives it. */
export function rowDims({ layout, rowsPerSample }: TapGeometry, samples: number): number[] {
  return layout === 'rows' ? [samples * rowsPerSample, 1] : [samples, 1, rowsPerSample];
}

function floatOutput(
  patch: GraphPatch,
  geometry: TapGeometry,
  { tap, way, samples }: PackingTask,
): TapOutput {
  const dims = batched(geometry.dims, samples);
  const { observed } = geometry.found;
  if (way === 'float-simd' || geometry.layout === 'rows') {
    return { tap, role: 'values', name: observed, type: 'float32', dims };
  }
  const perm = [0, ...dims.map((_, axis) => axis).slice(2), 1];
  const name = patch.add('Transpose', [observed], { perm });
  return { tap, role: 'rows', name, type: 'float32', dims: perm.map((axis) => dims[axis] ?? 0) };
}

// Bits cannot carry NaN, so a sum per row stands guard: it is finite only where every value is.
function bitOutputs(
  patch: GraphPatch,
  geometry: TapGeometry,
  { tap, way, samples }: PackingTask,
): TapOutput[] {
  const { observed } = geometry.found;
  const bits = signBits(patch, observed);
  const guard: TapOutput = {
    tap,
    role: 'guard',
    name: rowSums(patch, observed, geometry, samples),
    type: 'float32',
    dims: rowDims(geometry, samples),
  };
  if (way === 'bool-simd') {
    return [guard, { tap, role: 'bools', name: bits, type: 'bool', dims: batched(geometry.dims, samples) }];
  }
  const bytes = samples * geometry.rowsPerSample * geometry.strideBytes;
  const float = way === 'matmul';
  const name = packedCodes(patch, bits, geometry, { way: float ? 'matmul' : 'int8-matmul', samples });
  return [guard, { tap, role: 'codes', name, type: 'uint8', dims: float ? [bytes, 1] : [bytes / 4, 4] }];
}

function batched(dims: readonly number[], samples: number): number[] {
  return [(dims[0] ?? 0) * samples, ...dims.slice(1)];
}

/** Bool bits to code bytes inside the graph: `[rows, strideBytes]`, pads zero. */
function packedCodes(
  patch: GraphPatch,
  bits: string,
  geometry: TapGeometry,
  { way, samples }: { readonly way: 'matmul' | 'int8-matmul'; readonly samples: number },
): string {
  const { rowsPerSample, strideBytes, layout } = geometry;
  const { codeBits, channels } = geometry.info;
  const rows = samples * rowsPerSample;
  const turned =
    layout === 'rows'
      ? bits
      : patch.add('Transpose', [patch.reshape(bits, [samples, channels, rowsPerSample])], {
          perm: [0, 2, 1],
        });
  const float = way === 'matmul';
  const numbers = patch.reshape(patch.add('Cast', [turned], { to: float ? ELEMENT.float : ELEMENT.uint8 }), [
    rows,
    codeBits,
  ]);
  const pad = strideBytes * 8 - codeBits;
  const zeros = () =>
    float
      ? patch.floats([rows, pad], new Float32Array(rows * pad))
      : patch.bytes([rows, pad], new Uint8Array(rows * pad), ELEMENT.uint8);
  const padded = pad === 0 ? numbers : patch.add('Concat', [numbers, zeros()], { axis: 1 });
  const group = float ? 8 : 32;
  const grouped = patch.reshape(padded, [(rows * strideBytes * 8) / group, group]);
  const powers = float
    ? patch.floats(
        [8, 1],
        Float32Array.from({ length: 8 }, (_, bit) => 1 << bit),
      )
    : patch.bytes([32, 4], blockPowers(), ELEMENT.uint8);
  const sums = patch.add(float ? 'MatMul' : 'MatMulInteger', [grouped, powers]);
  return patch.add('Cast', [sums], { to: ELEMENT.uint8 });
}

/** `[32, 4]`: bit `j` of a word counts `1 << (j & 7)` in byte `j >> 3`. */
function blockPowers(): Uint8Array {
  const powers = new Uint8Array(32 * 4);
  for (let bit = 0; bit < 32; bit++) powers[bit * 4 + (bit >> 3)] = 1 << (bit & 7);
  return powers;
}
