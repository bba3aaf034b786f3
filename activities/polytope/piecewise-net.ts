// A network as stages that are affine between the kinks of its activations: what exact geometry works on. The network
// itself stays opaque; only values at points are asked for.

import type { TapInfo } from '#schemas/sweep.ts';

/**
 * Units of one tap in a stage's state, with where their nonlinearity bends. Between two points that lie on the same side of
 * every bend of every unit, the next stage's state is an affine function of the path.
 */
export interface ReluUnits {
  readonly kind: 'relu';
  /** Index into {@link PiecewiseNet.taps}. */
  readonly tap: number;
  /** First column of the pre-activations in the stage's state. */
  readonly offset: number;
  readonly units: number;
  /** Values of z where the slope changes: `[0]` for ReLU-like functions, `[0, 6]` for Clip(0, 6). Only 0 flips a bit. */
  readonly bends: readonly number[];
}

/** Max-pooling: within a window the largest entry wins; a change of winner is a kink. */
export interface PoolUnits {
  readonly kind: 'pool';
  readonly tap: number;
  /** First column of the pool's inputs in the stage's state. */
  readonly offset: number;
  readonly units: number;
  /** `[windows, windowSize]` columns relative to `offset`, -1 for padding. */
  readonly windows: Int32Array;
  readonly windowSize: number;
}

export type StageUnits = ReluUnits | PoolUnits;

/** The state at one depth: every tensor that is still needed, flat; its own taps' inputs among them. */
export interface Stage {
  /** Columns of the state. */
  readonly width: number;
  /** Taps whose nonlinearities are applied on the way to the next stage, in tap order. */
  readonly taps: readonly StageUnits[];
}

/** `next state = activation(state) weights^T + bias`: what one dense layer between two stages is. */
export interface DenseStep {
  /** `[outputs, inputs]`, row-major. */
  readonly weights: Float64Array;
  /** `[outputs]`. */
  readonly bias: Float64Array;
  /** Slope for z <= 0 per input unit; 0 for ReLU. */
  readonly negativeSlopes: Float64Array;
}

/** A piecewise-linear network from a start space to its last tap and its outputs. */
export interface PiecewiseNet {
  /** Arithmetic of every value: float64 wherever the graph allows it. */
  readonly dtype: 'float64' | 'float32';
  /** Tensor that paths and planes lie in (`input` is the graph's input) with its size and shape for one sample. */
  readonly start: { readonly name: string; readonly size: number; readonly shape: readonly number[] };
  /** Taps behind the start, in layer order, max-pools included (kind `pool`). */
  readonly taps: readonly TapInfo[];
  readonly stages: readonly Stage[];
  /** Width of the output (logits); 0 where the last tap is the end. */
  readonly outputs: number;
  /**
   * Takes points one stage on: stage 0 from the start space, stage s from the state of stage s - 1 (applying its activations),
   * `stages.length` from the last state to the outputs.
   * @param values - `[points, width of what stage takes]`, row-major, left unchanged.
   * @returns `[points, width of what the stage gives]`, fresh.
   */
  advance(stage: number, values: Float64Array, points: number): Promise<Float64Array>;
  /** The step into `stage` (1 or more) where it is one dense layer on the taps of the stage before and nothing else, else null. */
  dense(stage: number): DenseStep | null;
  close(): Promise<void>;
}

/** A network whose codes can only be sampled along a path: GELU, LayerNorm, softmax. Arithmetic is float32. */
export interface SampledNet {
  readonly start: PiecewiseNet['start'];
  readonly taps: readonly TapInfo[];
  readonly outputs: number;
  /**
   * Pre-activations and outputs at points of the start space.
   * @param values - `[points, start.size]`.
   * @param wanted - `codes` leaves the outputs empty: those of a language model may take most of the time. @default 'all'
   */
  evaluate(
    values: Float64Array,
    points: number,
    wanted?: 'all' | 'codes',
  ): Promise<{
    /** Per tap `[points, units]`. */
    readonly pre: readonly Float32Array[];
    /** `[points, outputs]`. */
    readonly outputs: Float32Array;
  }>;
  close(): Promise<void>;
}
