// The model's own answer per point: argmax class and its softmax probability.

import type { EncodedBatch } from '../ports.ts';
import type { BatchPoints } from './batch-rows.ts';

export interface Predictions {
  readonly classes: Int32Array;
  readonly probabilities: Float32Array;
}

/**
 * @param encoded - logits `[samples(, tokens), classes]`, or the answer per logit row, or neither.
 * @param cellsPerSample - tokens per padded sequence; 1 for images, whose points share their image's answer.
 * @returns per point the argmax class (first on ties) and its softmax probability; null without logits.
 */
export function predictions(
  { logits, predicted }: Pick<EncodedBatch, 'logits' | 'predicted'>,
  points: Pick<BatchPoints, 'points' | 'sample' | 'cell'>,
  cellsPerSample: number,
): Predictions | null {
  if (logits === null && predicted === undefined) return null;
  const classes = new Int32Array(points.points);
  const probabilities = new Float32Array(points.points);
  let lastRow = -1;
  for (let point = 0; point < points.points; point++) {
    const cell = cellsPerSample === 1 ? 0 : points.cell[point]!;
    const row = points.sample[point]! * cellsPerSample + cell;
    if (row === lastRow) {
      classes[point] = classes[point - 1]!;
      probabilities[point] = probabilities[point - 1]!;
    } else if (predicted !== undefined) {
      classes[point] = Number(predicted.classes[row]!);
      probabilities[point] = predicted.probabilities[row]!;
    } else {
      classes[point] = argmax(logits!, row);
      probabilities[point] = softmaxAt(logits!, row, classes[point]!);
    }
    lastRow = row;
  }
  return { classes, probabilities };
}

interface Logits {
  readonly data: Float32Array;
  readonly classes: number;
}

function argmax({ data, classes }: Logits, row: number): number {
  const start = row * classes;
  let best = 0;
  for (let k = 1; k < classes; k++) if (data[start + k]! > data[start + best]!) best = k;
  return best;
}

/** Softmax probability of the row's largest logit. */
function softmaxAt({ data, classes }: Logits, row: number, best: number): number {
  const start = row * classes;
  const peak = data[start + best]!;
  let sum = 0;
  for (let k = 0; k < classes; k++) sum += Math.exp(data[start + k]! - peak);
  return 1 / sum;
}
