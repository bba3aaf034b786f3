// Constant tensors as plain numbers, and how they spread over the shape of another tensor.

import { PipelineError } from '#schemas/errors.ts';
import type { TensorProto } from '../proto.ts';
import { ELEMENT, elements, floatValues, intValues, tensorDims } from '../tensors.ts';

/** A constant of floats or integers; float32 values are exact in float64. */
export interface ConstantTensor {
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** A stored tensor as numbers, or null where it holds neither floats nor integers. */
export function constantTensor(tensor: TensorProto): ConstantTensor | null {
  const numbers = floatValues(tensor) ?? doubleValues(tensor) ?? intValues(tensor);
  return numbers === null ? null : { dims: tensorDims(tensor), values: Float64Array.from(numbers) };
}

/** Values of `constant` for every element of a tensor of shape `dims`, by ONNX broadcasting from the last axis on. */
export function spread({ dims: from, values }: ConstantTensor, dims: readonly number[]): Float64Array {
  const lead = dims.length - from.length;
  const steps = new Array<number>(dims.length).fill(0);
  let step = 1;
  for (let axis = from.length - 1; axis >= 0; axis--) {
    const size = from[axis] as number;
    if (lead + axis < 0 || (size !== 1 && size !== dims[lead + axis])) throw unspreadable(from, dims);
    if (size !== 1) steps[lead + axis] = step;
    step *= size;
  }
  const all = new Float64Array(elements(dims));
  for (let at = 0; at < all.length; at++) {
    let [rest, index] = [at, 0];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const size = dims[axis] as number;
      index += (rest % size) * (steps[axis] as number);
      rest = Math.floor(rest / size);
    }
    all[at] = values[index] as number;
  }
  return all;
}

function doubleValues(tensor: TensorProto): Float64Array | null {
  if (tensor.dataType !== ELEMENT.double) return null;
  if ((tensor.rawData?.length ?? 0) === 0) return Float64Array.from(tensor.doubleData ?? []);
  const bytes = Uint8Array.from(tensor.rawData as Uint8Array);
  return new Float64Array(bytes.buffer, 0, bytes.length >> 3);
}

function unspreadable(from: readonly number[], to: readonly number[]): PipelineError {
  return new PipelineError({
    kind: 'model-invalid',
    what: `a constant of shape [${from.join(', ')}] does not spread over [${to.join(', ')}]`,
    remedy: 'Check the model with onnx.checker.',
  });
}
