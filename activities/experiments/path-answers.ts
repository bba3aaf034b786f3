// What a model answers at points of a path, and how the answers become rows.

import { pointPair } from '../polytope/boundary-density.ts';
import type { Row } from './row-collector.ts';

/** The model's logits at one place of a path. */
export interface PathAnswer {
  readonly t: number;
  /** `[classes]` */
  readonly logits: ArrayLike<number>;
  /** The class behind a change that lies here; null elsewhere. */
  readonly changesTo: number | null;
}

/** Columns of path_outputs but the path's key. */
export function answerRow({ t, logits, changesTo }: PathAnswer, first: PathAnswer): Row {
  const logs = logSoftmax(logits);
  const start = logSoftmax(first.logits);
  const predicted = changesTo ?? argmax(logits);
  let [entropy, divergence] = [0, 0];
  for (let k = 0; k < logs.length; k++) {
    if (logs[k]! > Number.NEGATIVE_INFINITY) entropy -= Math.exp(logs[k]!) * logs[k]!;
    if (start[k]! > Number.NEGATIVE_INFINITY) divergence += Math.exp(start[k]!) * (start[k]! - logs[k]!);
  }
  return {
    t,
    pred_class: predicted,
    prob: Math.exp(logs[predicted]!),
    entropy_nats: Math.max(entropy, 0),
    kl_from_start: Math.max(divergence, 0),
    theta_rad: pointPair(first.logits, logits).angle,
    is_class_change: changesTo !== null,
  };
}

/** Index of the largest value, the first on ties. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}

/** Logarithms of the softmax. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const peak = logits[argmax(logits)]!;
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - peak);
  return Float64Array.from(logits, (value) => value - peak - Math.log(sum));
}
