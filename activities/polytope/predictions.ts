// The model's own answer per point: argmax class and its softmax probability.

import type { BatchPoints } from './batch-rows.ts';

/**
 * @param logits - `[samples(, tokens), classes]`, or null where the model has no such output.
 * @param cellsPerSample - tokens per padded sequence; 1 for images, whose points share their image's answer.
 * @returns per point the argmax class (first on ties) and its softmax probability.
 */
export function predictions(
  logits: { readonly data: Float32Array; readonly classes: number } | null,
  points: BatchPoints,
  cellsPerSample: number,
): { classes: Int32Array; probabilities: Float32Array } | null {
  if (logits === null) return null;
  const classes = new Int32Array(points.points);
  const probabilities = new Float32Array(points.points);
  let lastRow = -1;
  for (let point = 0; point < points.points; point++) {
    const cell = cellsPerSample === 1 ? 0 : points.cell[point]!;
    const row = points.sample[point]! * cellsPerSample + cell;
    if (row === lastRow) {
      classes[point] = classes[point - 1]!;
      probabilities[point] = probabilities[point - 1]!;
      continue;
    }
    lastRow = row;
    const start = row * logits.classes;
    let best = 0;
    for (let k = 1; k < logits.classes; k++) if (logits.data[start + k]! > logits.data[start + best]!) best = k;
    let sum = 0;
    const peak = logits.data[start + best]!;
    for (let k = 0; k < logits.classes; k++) sum += Math.exp(logits.data[start + k]! - peak);
    classes[point] = best;
    probabilities[point] = 1 / sum;
  }
  return { classes, probabilities };
}
