// The reference way from pre-activations to codes. The kernels and graph rewrites are tested against it.

import { PipelineError } from '#schemas/errors.ts';
import { codeRowBytes } from './code-layout.ts';

/** Shape of a matrix of pre-activations. */
export interface CodeShape {
  readonly rows: number;
  readonly neurons: number;
}

/**
 * Packs activation signs into codes, one bit per neuron: 1 where the pre-activation is > 0 (0 and -0 give 0).
 * @param pre - `[rows, neurons]` pre-activations, row-major, finite.
 * @returns `[rows, 4 * ceil(neurons / 32)]` bytes, LSB first, pad bits zero.
 * @throws PipelineError `non-finite-input`, with row and neuron; `internal` where the length does not fit the
 * shape.
 * @see Balestriero and Baraniuk, "A Spline Theory of Deep Learning", 2018.
 */
export function packSigns(pre: Float32Array, { rows, neurons }: CodeShape): Uint8Array {
  if (pre.length !== rows * neurons) {
    throw new PipelineError({
      kind: 'internal',
      what: 'pre-activations do not fit their shape',
      value: `${pre.length} for [${rows}, ${neurons}]`,
    });
  }
  const stride = codeRowBytes(neurons);
  const codes = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    for (let neuron = 0; neuron < neurons; neuron++) {
      const z = pre[row * neurons + neuron] as number;
      if (!Number.isFinite(z)) throw nonFinite(row, neuron, z);
      const at = row * stride + (neuron >> 3);
      if (z > 0) codes[at] = (codes[at] as number) | (1 << (neuron & 7));
    }
  }
  return codes;
}

/**
 * Unpacks codes to one byte (0 or 1) per neuron.
 * @param codes - `[rows, 4 * ceil(neurons / 32)]` bytes.
 * @returns `[rows, neurons]`.
 */
export function unpackSigns(codes: Uint8Array, { rows, neurons }: CodeShape): Uint8Array {
  const stride = codeRowBytes(neurons);
  const bits = new Uint8Array(rows * neurons);
  for (let row = 0; row < rows; row++) {
    for (let neuron = 0; neuron < neurons; neuron++) {
      bits[row * neurons + neuron] = ((codes[row * stride + (neuron >> 3)] ?? 0) >> (neuron & 7)) & 1;
    }
  }
  return bits;
}

function nonFinite(row: number, neuron: number, z: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what: 'a pre-activation is not finite',
    where: `row ${row}, neuron ${neuron}`,
    value: String(z),
    remedy: 'Check the input and the weights for NaN and overflow.',
  });
}
