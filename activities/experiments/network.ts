// One model, trained or a control, as experiments use it: forward passes from any space, exact geometry, sampled geometry.

import type { TapInfo } from '#schemas/sweep.ts';
import type { PiecewiseNet, SampledNet } from '../polytope/piecewise-net.ts';
import type { InputTensor } from '../ports.ts';

/** Which weights a model has. */
export interface ModelVariant {
  readonly kind: 'trained' | 'random_init' | 'weight_permuted';
  /** Seed of the control; 0 for the trained model. */
  readonly seed: number;
}

/** How tables name a variant: `trained`, `random_init:3`. */
export function variantName({ kind, seed }: ModelVariant): string {
  return kind === 'trained' ? 'trained' : `${kind}:${seed}`;
}

/** A tensor that everything behind it depends on: paths and planes may start there. */
export interface StartSpace {
  /** The tensor's name; the graph's input is `input`. */
  readonly name: string;
  /** Taps that lie before it: codes of the taps from here on are functions of it. */
  readonly tapsBefore: number;
  /** Shape for one sample. */
  readonly shape: readonly number[];
  readonly size: number;
}

export interface Network {
  readonly variant: ModelVariant;
  readonly sha256: string;
  readonly backend: string;
  /** Activation taps in layer order, as the sweep has them (granularity image; text: units of one token). */
  readonly taps: readonly TapInfo[];
  /** Per tap the tensor behind its activation: post-activations, same shape. */
  readonly activations: readonly string[];
  /** Max-pools in layer order. Their windows have symbols, not bits; tables number them behind the taps. */
  readonly pools: readonly TapInfo[];
  /** Classes of the logits, or null where the model has none. */
  readonly classes: number | null;
  /** Name of the logits tensor. */
  readonly logits: string | null;
  /** True where the input is token ids: then every tensor has one row per token. */
  readonly text: boolean;
  /** The input and every tensor of floats that alone separates the graph, in order. */
  readonly startSpaces: readonly StartSpace[];
  /** Operators that are not piecewise linear and lie behind `from`; empty means exact. */
  inexact(from: string): readonly string[];
  /**
   * Values of tensors for a batch, float32, batch shapes fixed inside (short batches are padded), so a sample's values do not
   * depend on its neighbours.
   * @param input - model input, or `[samples, ...shape]` of the tensor `from`.
   * @returns per tensor `[samples, size]`; text: `[samples x tokens, size]`.
   */
  forward(
    input: InputTensor,
    options: { readonly from?: string; readonly to: readonly string[] },
  ): Promise<ReadonlyMap<string, Float32Array>>;
  /**
   * Bits of every tap that rounding could flip: `|z| < 1e-5 (|w| |a| + |b|)`.
   * @param input - model input.
   * @param options.tap - counts of this tap only. @default every tap
   * @param options.granularity - `position`: counts per position of the tap's map. @default 'image'
   * @returns by tap one number per sample; text: per token.
   */
  ambiguous(
    input: InputTensor,
    options?: { readonly tap?: string; readonly granularity?: 'image' | 'position' },
  ): Promise<ReadonlyMap<string, Float32Array>>;
  /**
   * Exact geometry from a start space on, with max-pools as taps of kind `pool`.
   * @throws PipelineError `model-invalid` naming the operators where the graph is not piecewise linear.
   */
  piecewise(options: { readonly from: string }): Promise<PiecewiseNet>;
  /**
   * Codes at points of any float tensor. Text models need `at`: the token whose vector moves, the others frozen at `base`.
   */
  sampled(options: {
    readonly from: string;
    readonly at?: { readonly base: InputTensor; readonly token: number };
  }): Promise<SampledNet>;
  close(): Promise<void>;
}
