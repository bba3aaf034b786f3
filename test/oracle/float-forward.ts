// Forward passes that give pre-activations as floats: ONNX Runtime on the graph with the taps made outputs,
// and an MLP multiplied out in plain float64.

import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { withOutputs } from './onnx-bytes.ts';

/** Row-major `[rows, ...]`. */
export interface Floats {
  readonly data: Float32Array | Float64Array;
  readonly dims: readonly number[];
}

export interface Forward {
  /** Tensors by name: the taps, and the logits under the output's own name. */
  run(input: ort.Tensor): Promise<Readonly<Record<string, Floats>>>;
}

/** A session of an ONNX file that also gives the named tensors. */
export async function onnxForward(file: string, taps: readonly string[]): Promise<Forward> {
  const session = await ort.InferenceSession.create(withOutputs(readFileSync(file), taps), {
    intraOpNumThreads: 2,
  });
  const [input] = session.inputNames;
  return {
    async run(tensor) {
      const outputs = await session.run({ [input!]: tensor });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { data, dims }]) => [name, { data: data as Float32Array, dims }]),
      );
    },
  };
}

/** A dense ReLU net of a TensorFlow.js layers file, in float64: taps are named like its layers. */
export function denseForward(
  modelJson: string,
): (rows: Float64Array, count: number) => Readonly<Record<string, Floats>> {
  const [manifest] = (JSON.parse(readFileSync(modelJson, 'utf8')) as { weightsManifest: Manifest[] })
    .weightsManifest;
  const weights = readWeights(manifest!, new URL(manifest!.paths[0]!, `file://${modelJson}`));
  const layers = [...new Set([...weights.keys()].map((name) => name.split('/')[0]!))];
  return (rows, count) => {
    const taps: Record<string, Floats> = {};
    let activations = rows;
    for (const layer of layers) {
      const bias = weights.get(`${layer}/bias`)!;
      const z = affine(activations, { count, kernel: weights.get(`${layer}/kernel`)!, bias });
      taps[layer] = { data: z, dims: [count, bias.length] };
      activations = z.map((value) => Math.max(0, value));
    }
    return taps;
  };
}

interface Manifest {
  readonly paths: readonly string[];
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

function readWeights({ weights }: Manifest, file: URL): Map<string, Float32Array> {
  const bytes = readFileSync(file);
  let at = 0;
  return new Map(
    weights.map(({ name, shape }) => {
      const length = shape.reduce((product, dim) => product * dim, 1);
      const values = new Float32Array(
        bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + length * 4),
      );
      at += length * 4;
      return [name, values];
    }),
  );
}

function affine(
  rows: Float64Array,
  {
    count,
    kernel,
    bias,
  }: { readonly count: number; readonly kernel: Float32Array; readonly bias: Float32Array },
): Float64Array {
  const outputs = bias.length;
  const inputs = kernel.length / outputs;
  const z = new Float64Array(count * outputs);
  for (let row = 0; row < count; row++) {
    z.set(bias, row * outputs);
    for (let i = 0; i < inputs; i++) {
      const x = rows[row * inputs + i]!;
      if (x === 0) continue;
      for (let unit = 0; unit < outputs; unit++) z[row * outputs + unit]! += x * kernel[i * outputs + unit]!;
    }
  }
  return z;
}
