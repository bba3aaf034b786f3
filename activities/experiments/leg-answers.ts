// What the model answers along a curve, and where its answer changes.

import type { PathCrossings } from '../polytope/crossing-events.ts';
import { type ClassChange, classChanges, outputPieces, outputsAt } from '../polytope/linear-pieces.ts';
import { type Curve, pointAt } from '../polytope/polyline.ts';
import { argmax, type PathAnswer } from './path-answers.ts';

export interface LegAnswers {
  /** Ascending in t: at equal steps, and at every change of class. */
  readonly answers: readonly PathAnswer[];
  /** Places of the changes, ascending. */
  readonly changes: readonly number[];
}

/** What gives outputs at points. */
export interface AnswerSource {
  readonly start: { readonly size: number };
  readonly outputs: number;
  /** @param values - `[points, start.size]`. */
  evaluate(values: Float64Array, points: number): Promise<{ readonly outputs: Float32Array | Float64Array }>;
}

/** Width in t to which a change of class is bisected. */
const RESOLUTION = 1e-6;

/** Answers on a solved path, exact: logits are affine between its breakpoints. */
export function exactAnswers(found: PathCrossings, classes: number, steps: number): LegAnswers {
  const pieces = outputPieces(found, classes);
  return withChanges(classChanges(pieces), steps, (t) => outputsAt(pieces, t));
}

/** Answers where the network can only be sampled: changes between two steps are bisected; two of them may hide. */
export async function sampledAnswers(net: AnswerSource, curve: Curve, steps: number): Promise<LegAnswers> {
  const evaluate = async (places: readonly number[]) => {
    const points = new Float64Array(places.length * net.start.size);
    places.forEach((t, i) => {
      points.set(pointAt(curve, t), i * net.start.size);
    });
    const { outputs } = await net.evaluate(points, places.length);
    return places.map((_, i) => outputs.subarray(i * net.outputs, (i + 1) * net.outputs));
  };
  const known = new Map<number, Float32Array | Float64Array>();
  const grid = Array.from({ length: steps + 1 }, (_, i) => i / steps);
  (await evaluate(grid)).forEach((logits, i) => {
    known.set(grid[i]!, logits);
  });
  const changes: ClassChange[] = [];
  for (let step = 0; step < steps; step++) {
    let [low, high] = [grid[step]!, grid[step + 1]!];
    const from = argmax(known.get(low)!);
    if (argmax(known.get(high)!) === from) continue;
    while (high - low > RESOLUTION) {
      const middle = (low + high) / 2;
      const [logits] = await evaluate([middle]);
      known.set(middle, logits!);
      if (argmax(logits!) === from) low = middle;
      else high = middle;
    }
    changes.push({ t: high, from, to: argmax(known.get(high)!) });
  }
  return withChanges(changes, steps, (t) => known.get(t)!);
}

function withChanges(
  changes: readonly ClassChange[],
  steps: number,
  logitsAt: (t: number) => ArrayLike<number>,
): LegAnswers {
  const regular = Array.from({ length: steps + 1 }, (_, i) => ({ t: i / steps, changesTo: null }));
  const places = [...regular, ...changes.map(({ t, to }) => ({ t, changesTo: to }))];
  places.sort((a, b) => a.t - b.t || Number(a.changesTo !== null) - Number(b.changesTo !== null));
  return {
    answers: places.map(({ t, changesTo }) => ({ t, changesTo, logits: logitsAt(t) })),
    changes: changes.map(({ t }) => t),
  };
}
