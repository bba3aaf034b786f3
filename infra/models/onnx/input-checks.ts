// What a batch must be before it is run, and the faults of values that are not finite.

import { PipelineError } from '#schemas/errors.ts';
import type { InputTensor } from '../../../activities/ports.ts';
import type { RunningEncoder } from './encode-batch.ts';
import { elements } from './tensors.ts';

/**
 * Checks a batch's type and shape against the session.
 * @returns the number of samples.
 * @throws PipelineError `shape-mismatch` naming both.
 */
export function checkInput(input: InputTensor, { options, input: wanted }: RunningEncoder): number {
  const [samples = 0, ...sample] = input.dims;
  const sameShape =
    sample.length === options.sampleShape.length && sample.every((dim, i) => dim === options.sampleShape[i]);
  const whole = samples >= 1 && samples <= options.batchSamples && input.data.length >= elements(input.dims);
  if (sameShape && whole && fitsType(input.type, wanted.type)) return samples;
  const given = `${input.type} [${input.dims.join(', ')}]`;
  const allowed = `${wanted.type} [1..${options.batchSamples}, ${options.sampleShape.join(', ')}]`;
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `a batch of ${given} does not fit a model input of ${allowed}`,
    where: `input ${wanted.name}`,
    remedy: 'Check dataset.transform and model.file.',
  });
}

/** Copies a run's samples into the session's memory; what is missing becomes zero, so shapes never change. */
export function copySamples(
  { kernel, memory, input: wanted, options }: RunningEncoder,
  input: InputTensor,
  { first, valid }: { readonly first: number; readonly valid: number },
): void {
  const size = elements(options.sampleShape);
  const count = memory.runSamples * size;
  const [from, to] = [first * size, (first + valid) * size];
  if (wanted.type === 'float32')
    place(new Float32Array(kernel.buffer, memory.input, count), input.data as Float32Array, from, to);
  else if (wanted.type === 'uint8')
    place(new Uint8Array(kernel.buffer, memory.input, count), input.data as Uint8Array, from, to);
  else if (wanted.type === 'int32')
    place(new Int32Array(kernel.buffer, memory.input, count), numbersOf(input.data, from, to), 0, to - from);
  else placeBig(new BigInt64Array(kernel.buffer, memory.input, count), input.data, from, to);
}

/** Index of the first group of `size` values that holds NaN or infinity, or -1. */
export function firstNonFinite(values: Float32Array, size: number): number {
  // One sum finds nearly every good batch good at once; only a bad (or overflowing) one is searched.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  if (Number.isFinite(sum)) return -1;
  const at = values.findIndex((value) => !Number.isFinite(value));
  return at < 0 ? -1 : Math.floor(at / size);
}

/** The fault of a value that is not finite; `sample` counts from the first of the batch. */
export function nonFinite(what: string, sample: number, tensor: string): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what,
    where: `row ${sample} of the batch`,
    value: tensor,
    remedy: 'Check the data for NaN and infinity, and the weights for overflow.',
  });
}

function fitsType(given: InputTensor['type'], wanted: InputTensor['type']): boolean {
  const ids = (type: string) => type === 'int64' || type === 'int32';
  return given === wanted || (ids(given) && ids(wanted));
}

function place<T extends Float32Array | Uint8Array | Int32Array>(
  into: T,
  data: T,
  from: number,
  to: number,
): void {
  into.set(data.subarray(from, to));
  into.fill(0, to - from);
}

function placeBig(into: BigInt64Array, data: InputTensor['data'], from: number, to: number): void {
  if (data instanceof BigInt64Array) into.set(data.subarray(from, to));
  else for (let i = from; i < to; i++) into[i - from] = BigInt(data[i] as number);
  into.fill(0n, to - from);
}

function numbersOf(data: InputTensor['data'], from: number, to: number): Int32Array {
  return data instanceof Int32Array
    ? data.subarray(from, to)
    : Int32Array.from(data.subarray(from, to) as BigInt64Array, Number);
}
