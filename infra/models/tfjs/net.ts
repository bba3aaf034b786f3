// What the two kinds of TensorFlow.js model have in common once loaded: a forward pass that also gives the pre-activations.

import type { Tensor } from '@tensorflow/tfjs';
import { PipelineError } from '#schemas/errors.ts';
import type { FoundTap } from '../onnx/taps.ts';
import type { Tf } from './runtime.ts';

/** A pre-activation that a net can hand out. `name` is a tensor of a graph model, or a layer of a layers model. */
export interface NetTap extends FoundTap {
  /** True where the tensor comes from a convolution: of a 3-D tensor it tells channels over positions from tokens. */
  readonly fromConv: boolean;
}

/** A tap by its activation. */
export function netTap(name: string, activation: FoundTap['activation'], fromConv: boolean): NetTap {
  return {
    name,
    observed: name,
    activation,
    exact: activation !== 'Clip' && activation !== 'Gelu',
    fromConv,
  };
}

export interface NetInput {
  readonly name: string;
  readonly dtype: string;
  /** True where samples are sequences of token ids. */
  readonly isText: boolean;
  /** Shape with the batch dimension; null where it is free. */
  readonly dims: readonly (number | null)[];
}

/** Tensors of one forward pass; the caller disposes of all of them. */
export interface Forward {
  /** One per asked tap, `[samples, channels]`, `[samples, width, channels]` or `[samples, height, width, channels]`. */
  readonly taps: readonly Tensor[];
  /** The model's first output, before a closing softmax. */
  readonly logits: Tensor;
  /** Per asked tap, broadcast to its shape: `|w||a| + |b|`, the scale of its rounding error; null unless asked for. */
  readonly scales: readonly Tensor[] | null;
}

export interface ForwardOptions {
  /** Indices into `taps`. */
  readonly taps: readonly number[];
  readonly withScales: boolean;
}

export interface TfjsNet {
  readonly input: NetInput;
  readonly output: { readonly name: string; readonly dims: readonly (number | null)[] };
  readonly taps: readonly NetTap[];
  /** Order of axes of 4-D pre-activations. */
  readonly layout: 'nhwc' | 'nchw';
  readonly operators: readonly { readonly op: string; readonly count: number }[];
  readonly inexact: readonly { readonly op: string; readonly count: number }[];
  forward(input: Tensor, options: ForwardOptions): Forward;
  dispose(): void;
}

/** Counts names, most frequent first. */
export function countNames(names: Iterable<string>): { op: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .map(([op, count]) => ({ op, count }))
    .sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1));
}

/** Size that stands in for a free axis where a model is inspected without data. */
const STAND_IN = 32;

/**
 * Shape of a batch for a first run: the model's own, or the data set's where it is known.
 * @throws PipelineError `shape-mismatch` naming both shapes.
 */
export function firstBatchDims(
  input: NetInput,
  sampleShape: readonly number[] | null,
  file: string,
): number[] {
  const [batch, ...wanted] = input.dims;
  if (sampleShape === null) return [batch ?? 1, ...wanted.map((size) => size ?? STAND_IN)];
  const fits =
    input.dims.length === 0 ||
    (wanted.length === sampleShape.length &&
      wanted.every((size, i) => size === null || size === sampleShape[i]));
  if (fits) return [batch ?? 1, ...sampleShape];
  const shown = wanted.map((size) => size ?? '?').join(', ');
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `the data set's samples have shape [${sampleShape.join(', ')}] but ${file} takes [${shown}]`,
    where: `input ${input.name}`,
    remedy:
      'Set dataset.transform.shape and layout (TensorFlow.js images are nhwc; text: dataset.contextTokens).',
  });
}

/**
 * Runs something once on a batch of zeros.
 * @throws PipelineError `model-invalid` where the model does not run.
 */
export function onZeros<T>(
  tf: Tf,
  file: string,
  dims: readonly number[],
  dtype: string,
  run: (input: Tensor) => T,
): T {
  let input: Tensor | null = null;
  try {
    input = tf.zeros([...dims], dtype === 'int32' ? 'int32' : 'float32');
    return run(input);
  } catch (cause) {
    throw new PipelineError(
      {
        kind: 'model-invalid',
        what: 'the model does not run on a sample of zeros',
        where: file,
        value: `[${dims.join(', ')}]: ${(cause as Error).message.split('\n')[0]}`,
        remedy:
          'Check that the sample shape is what the model takes, and that TensorFlow.js has its operators.',
      },
      { cause },
    );
  } finally {
    input?.dispose();
  }
}
