// The ways from pre-activations to packed codes. All read the same tensors, so all give the same bytes; they differ in speed.

import { PipelineError } from '#schemas/errors.ts';
import { type GraphPatch, rowCounts, rowSums, signBits } from './graph-patch.ts';
import type { TapGeometry } from './geometry.ts';
import { ELEMENT } from './tensors.ts';

/** Names of the ways, as `codes.packing` takes them. */
export const PACKING_WAYS = ['float-simd', 'bool-simd', 'matmul', 'int8-matmul'] as const;

export type PackingWay = (typeof PACKING_WAYS)[number];

/** What a tap's graph output holds, and so what is left to do outside of the graph. */
export type TapOutputRole = 'values' | 'bools' | 'codes' | 'guard' | 'soft' | 'ambiguous';

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

/**
 * Adds one tap's outputs to the graph.
 * @param samples - the fixed batch of the session.
 */
export function addTapOutputs(
  patch: GraphPatch,
  geometry: TapGeometry,
  { tap, way, samples }: { readonly tap: number; readonly way: PackingWay; readonly samples: number },
): TapOutput[] {
  const rows = samples * geometry.rowsPerSample;
  const tensorDims = batched(geometry.dims, samples);
  const rowDims = geometry.layout === 'rows' ? [rows, 1] : [samples, 1, geometry.rowsPerSample];
  const { observed, activation } = geometry.found;
  const outputs: TapOutput[] = [];
  if (way === 'float-simd') {
    outputs.push({ tap, role: 'values', name: observed, type: 'float32', dims: tensorDims });
  } else {
    const bits = signBits(patch, observed);
    const guard = rowSums(patch, observed, geometry, samples);
    outputs.push({ tap, role: 'guard', name: guard, type: 'float32', dims: rowDims });
    if (way === 'bool-simd') outputs.push({ tap, role: 'bools', name: bits, type: 'bool', dims: tensorDims });
    else {
      const codeDims = way === 'matmul' ? [rows * geometry.strideBytes, 1] : [(rows * geometry.strideBytes) / 4, 4];
      outputs.push({ tap, role: 'codes', name: packedCodes(patch, bits, geometry, { way, samples }), type: 'uint8', dims: codeDims });
    }
  }
  if (activation === 'Gelu' && !countsInKernel(geometry, way)) {
    const within = patch.add('Less', [patch.add('Abs', [observed]), patch.floats([], [SOFT_LIMIT])]);
    outputs.push({ tap, role: 'soft', name: rowCounts(patch, within, geometry, samples), type: 'float32', dims: rowDims });
  }
  return outputs;
}

/** A GELU pre-activation within ±2 is counted as soft. */
export const SOFT_LIMIT = 2;

/** Whether soft pre-activations are counted by the kernel, from float values that are there anyway. */
export function countsInKernel(geometry: TapGeometry, way: PackingWay): boolean {
  return geometry.found.activation === 'Gelu' && way === 'float-simd' && geometry.layout === 'rows';
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
    layout === 'rows' ? bits : patch.add('Transpose', [patch.reshape(bits, [samples, channels, rowsPerSample])], { perm: [0, 2, 1] });
  const float = way === 'matmul';
  const numbers = patch.reshape(patch.add('Cast', [turned], { to: float ? ELEMENT.float : ELEMENT.uint8 }), [rows, codeBits]);
  const pad = strideBytes * 8 - codeBits;
  const zeros = () => (float ? patch.floats([rows, pad], new Float32Array(rows * pad)) : patch.bytes([rows, pad], new Uint8Array(rows * pad), ELEMENT.uint8));
  const padded = pad === 0 ? numbers : patch.add('Concat', [numbers, zeros()], { axis: 1 });
  const group = float ? 8 : 32;
  const grouped = patch.reshape(padded, [(rows * strideBytes * 8) / group, group]);
  const powers = float
    ? patch.floats([8, 1], Float32Array.from({ length: 8 }, (_, bit) => 1 << bit))
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
