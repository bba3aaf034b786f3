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
  return { name, observed: name, activation, exact: activation !== 'Clip' && activation !== 'Gelu', fromConv };
}

export interface NetInput {
  readonly name: string;
  readonly dtype: string;
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

/**
 * Runs something once on a zero input of a shape.
 * @throws PipelineError `shape-mismatch` where the model does not take this shape.
 */
export function probe<T>(tf: Tf, file: string, dims: readonly number[], dtype: string, run: (input: Tensor) => T): T {
  const input = tf.zeros([...dims], dtype === 'int32' ? 'int32' : 'float32');
  try {
    return run(input);
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    const value = `[${dims.join(', ')}]: ${(cause as Error).message.split('\n')[0]}`;
    const remedy = 'Set dataset.transform.shape and layout to what the model takes; TensorFlow.js images are nhwc.';
    throw new PipelineError(
      { kind: 'shape-mismatch', what: 'the model does not take samples of this shape', where: file, value, remedy },
      { cause },
    );
  } finally {
    input.dispose();
  }
}
