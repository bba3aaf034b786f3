// A net that turns draws into inputs of the model, such as a decoder.

import { Tensor } from 'onnxruntime-node';
import { PipelineError } from '#schemas/errors.ts';
import { trueInputs } from '../models/onnx/graph.ts';
import { loadModel } from '../models/onnx/load.ts';
import { openRuntime } from '../models/onnx/runtime.ts';
import { ELEMENT, elements } from '../models/onnx/tensors.ts';

/** Rows of every call: short ones are padded, so that a row's bytes do not depend on how many there are. */
const BATCH_ROWS = 256;

export interface LatentDecoder extends AsyncDisposable {
  readonly sha256: string;
  /** Numbers of one decoded row. */
  readonly size: number;
  /** @param z - `[rows, dim]`. @returns `[rows, size]`. */
  decode(z: Float64Array): Promise<Float32Array>;
}

/**
 * Opens the net: one float input `[batch, dim]`, the first output is what it decodes to.
 * @throws PipelineError `model-missing`, `model-invalid`, or `shape-mismatch` where draws do not fit.
 */
export async function openDecoder(file: string, dim: number): Promise<LatentDecoder> {
  const { model, graph, sha256 } = await loadModel(file);
  const [input] = trueInputs(graph);
  const [output] = graph.output;
  if (input === undefined || output === undefined || trueInputs(graph).length > 1)
    throw unfit(file, 'a decoder has one input and an output', `${trueInputs(graph).length} inputs`);
  const session = await openRuntime(model, graph, [{ name: output.name, elemType: ELEMENT.float }], {
    file,
    device: 'cpu',
    threads: 1,
  });
  const run = async (rows: Float32Array) => {
    const feeds = { [input.name]: new Tensor('float32', rows, [BATCH_ROWS, dim]) };
    const results = await session.run(feeds).catch((error: Error) => {
      throw unfit(file, `the decoder does not take draws of dimension ${dim}`, error.message);
    });
    return results[output.name]!;
  };
  const probe = await run(new Float32Array(BATCH_ROWS * dim));
  const size = elements(probe.dims.slice(1).map(Number));
  return {
    sha256,
    size,
    async decode(z) {
      const rows = z.length / dim;
      const decoded = new Float32Array(rows * size);
      for (let from = 0; from < rows; from += BATCH_ROWS) {
        const piece = new Float32Array(BATCH_ROWS * dim);
        piece.set(z.subarray(from * dim, Math.min(rows, from + BATCH_ROWS) * dim));
        const { data } = await run(piece);
        const count = Math.min(BATCH_ROWS, rows - from);
        decoded.set((data as Float32Array).subarray(0, count * size), from * size);
      }
      return decoded;
    },
    [Symbol.asyncDispose]: () => session.release(),
  };
}

function unfit(file: string, what: string, value: string): PipelineError {
  const remedy = 'Give a decoder whose input has the dimension of the target.';
  return new PipelineError({ kind: 'shape-mismatch', where: file, what, value, remedy });
}
