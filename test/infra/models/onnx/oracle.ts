// Pre-activations by a plain session without any optimisation, and codes packed from them bit by bit.

import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EncodedBatch, InputTensor } from '../../../../activities/ports.ts';
import { decodeModel, encodeModel } from '../../../../infra/models/onnx/proto.ts';

/** Values `[...dims]` of the named tensors for one batch. */
export async function preActivations(
  bytes: Uint8Array,
  names: readonly string[],
  input: InputTensor,
): Promise<Map<string, Tensor>> {
  const model = decodeModel(bytes);
  for (const name of names) {
    if (model.graph?.output.some((output) => output.name === name)) continue;
    model.graph?.output.push({ name, type: { tensorType: { elemType: 1 } } });
  }
  const session = await InferenceSession.create(encodeModel(model), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
  });
  const feed = new Tensor(input.type as 'float32', input.data as Float32Array, [...input.dims]);
  const results = await session.run({ [session.inputNames[0] ?? '']: feed });
  await session.release();
  return new Map(names.map((name) => [name, results[name] as Tensor]));
}

/** Where bit `bit` of code row `row` lies in a tensor of pre-activations. */
export type Locate = (row: number, bit: number, dims: readonly number[]) => number;

/** Image codes and codes of dense layers and tokens: rows are contiguous. */
export const inRows: Locate = (row, bit, dims) => row * dims.slice(1).reduce((a, b) => a * b, 1) + bit;

/** Codes per token: bits are the last axis. */
export const byToken: Locate = (row, bit, dims) => row * (dims.at(-1) ?? 0) + bit;

/** Codes per position of `[N, C, H, W]`: rows are (n, y, x), bits are channels. */
export const byPosition: Locate = (row, bit, dims) => {
  const [, channels = 0, height = 0, width = 0] = dims;
  const area = height * width;
  return Math.floor(row / area) * channels * area + bit * area + (row % area);
};

/**
 * Compares codes with pre-activations.
 * @returns how many bits differ where |z| > 1e-4, how many pads are set, and how many bits are on.
 */
export function compare(
  codes: Uint8Array,
  z: Tensor,
  { bits, rows, locate }: { bits: number; rows: number; locate: Locate },
) {
  const values = z.data as Float32Array;
  const stride = 4 * Math.ceil(bits / 32);
  let [wrong, pads, on] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    for (let bit = 0; bit < stride * 8; bit++) {
      const got = ((codes[row * stride + (bit >> 3)] ?? 9) >> (bit & 7)) & 1;
      if (bit >= bits) {
        pads += got;
        continue;
      }
      const value = values[locate(row, bit, z.dims)] as number;
      on += got;
      if (got !== (value > 0 ? 1 : 0) && Math.abs(value) > 1e-4) wrong++;
    }
  }
  return { wrong, pads, on, bytes: codes.length - rows * stride };
}

/** A deep copy, since a session's buffers are overwritten. */
export function snapshot(batch: EncodedBatch) {
  return {
    codes: batch.codes.map((code) => Buffer.from(code).toString('hex')),
    logits: batch.logits === null ? null : { classes: batch.logits.classes, data: [...batch.logits.data] },
    soft: batch.soft?.map((rows) => (rows === null ? null : [...rows])),
    softCounts: [...batch.softCounts],
    norms: batch.inputNorms === null ? null : [...batch.inputNorms],
    ambiguous: batch.ambiguous?.map((rows) => [...rows]) ?? null,
  };
}
