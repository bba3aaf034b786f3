// Crossings and answers along curves of one start space, exact or sampled, whichever the network allows.

import type { TapInfo } from '#schemas/sweep.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { type Curve, crossingsOnCurves } from '../polytope/polyline.ts';
import type { PiecewiseNet, SampledNet } from '../polytope/piecewise-net.ts';
import { sampledCrossings } from '../polytope/sampled-crossings.ts';
import { softBits, softDistance } from '../polytope/soft-code.ts';
import { exactAnswers, type LegAnswers, sampledAnswers } from './leg-answers.ts';
import type { Network } from './network.ts';

export interface CurveOptions {
  /** Equal steps at which answers are wanted; left out, there are none. */
  readonly steps?: number;
  /** Whether to give the lengths of the curve's image in every tap, where exact. @default 'none' */
  readonly lengths?: 'none' | 'per-tap';
  /** What a curve is called in errors. */
  readonly nameOf: (curve: number) => string;
  readonly signal: AbortSignal;
}

/** What is known of a curve. */
export interface SolvedCurve {
  readonly found: PathCrossings;
  /** Null where the network has no logits, or no answers were asked for. */
  readonly answers: LegAnswers | null;
  /** `[taps]` sum of |Φ(z_a) - Φ(z_b)| of the ends in GELU taps, NaN in others; null where the network is exact. */
  readonly softDistances: Float64Array | null;
}

export interface CurveSolver {
  /** Taps that the reports count, max-pools among them. */
  readonly taps: readonly TapInfo[];
  solve(curves: readonly Curve[], options: CurveOptions): Promise<SolvedCurve[]>;
  close(): Promise<void>;
}

/** More outputs than these are not kept at every breakpoint: a path may have a million. */
const MOST_EXACT_OUTPUTS = 64;

/**
 * Opens a space.
 * @param at - text models: the token whose vector moves, the others stay as they are in `base`.
 * @throws PipelineError as `piecewise`, `sampled` and the solvers.
 */
export async function openCurveSolver(
  network: Network,
  space: string,
  at?: Parameters<Network['sampled']>[0]['at'],
): Promise<CurveSolver> {
  if (at !== undefined) return sampledSolver(await network.sampled({ from: space, at }));
  if (network.inexact(space).length === 0) return exactSolver(await network.piecewise({ from: space }));
  return sampledSolver(await network.sampled({ from: space }));
}

function exactSolver(net: PiecewiseNet): CurveSolver {
  return {
    taps: net.taps,
    async solve(curves, { steps = 0, lengths = 'none', nameOf, signal }) {
      const hasAnswers = steps > 0 && net.outputs > 0;
      const isExact = hasAnswers && net.outputs <= MOST_EXACT_OUTPUTS;
      const outputs = isExact ? 'at-breakpoints' : 'none';
      const reports = await crossingsOnCurves(net, curves, { outputs, lengths, nameOf, signal });
      const solved: SolvedCurve[] = [];
      for (const [i, found] of reports.entries()) {
        const looked =
          hasAnswers && !isExact ? await sampledAnswers(answersOf(net), curves[i]!, steps) : null;
        const answers = isExact ? exactAnswers(found, net.outputs, steps) : looked;
        solved.push({ found, answers, softDistances: null });
      }
      return solved;
    },
    close: () => net.close(),
  };
}

function sampledSolver(net: SampledNet): CurveSolver {
  return {
    taps: net.taps,
    async solve(curves, { steps = 0, nameOf, signal }) {
      const reports = await sampledCrossings(net, curves, { nameOf, signal });
      const solved: SolvedCurve[] = [];
      for (const [i, curve] of curves.entries()) {
        const answers = steps > 0 && net.outputs > 0 ? await sampledAnswers(net, curve, steps) : null;
        solved.push({ found: reports[i]!, answers, softDistances: await softDistances(net, curve) });
      }
      return solved;
    },
    close: () => net.close(),
  };
}

/** A piecewise-linear network as something that answers at points. */
function answersOf(net: PiecewiseNet): Parameters<typeof sampledAnswers>[0] {
  return {
    start: net.start,
    outputs: net.outputs,
    async evaluate(points, count) {
      let values = points;
      for (let stage = 0; stage <= net.stages.length; stage++)
        values = await net.advance(stage, values, count);
      return { outputs: values };
    },
  };
}

async function softDistances(net: SampledNet, { vertices, t }: Curve): Promise<Float64Array> {
  const { size } = net.start;
  const ends = new Float64Array(2 * size);
  ends.set(vertices.subarray(0, size));
  ends.set(vertices.subarray((t.length - 1) * size), size);
  const { pre } = await net.evaluate(ends, 2);
  return Float64Array.from(net.taps, ({ activation, codeBits }, tap) => {
    if (activation !== 'Gelu') return Number.NaN;
    const z = pre[tap]!;
    return softDistance(softBits(z.subarray(0, codeBits)), softBits(z.subarray(codeBits, 2 * codeBits)));
  });
}
