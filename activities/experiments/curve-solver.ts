// Crossings and answers along curves of one start space, exact or sampled, whichever the network allows.

import type { TapInfo } from '#schemas/sweep.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import { type Curve, crossingsOnCurves } from '../polytope/polyline.ts';
import { sampledCrossings } from '../polytope/sampled-crossings.ts';
import { exactAnswers, type LegAnswers, sampledAnswers } from './leg-answers.ts';
import type { Network } from './network.ts';

export interface CurveOptions {
  /** Equal steps at which answers are wanted; left out, there are none. */
  readonly steps?: number;
  /** What a curve is called in errors. */
  readonly nameOf: (curve: number) => string;
  readonly signal: AbortSignal;
}

export interface CurveSolver {
  /** Taps that the reports count, max-pools among them. */
  readonly taps: readonly TapInfo[];
  /** Answers are null where the network has no logits, or none were asked for. */
  solve(
    curves: readonly Curve[],
    options: CurveOptions,
  ): Promise<{ readonly found: PathCrossings; readonly answers: LegAnswers | null }[]>;
  close(): Promise<void>;
}

/** @throws PipelineError as `piecewise`, `sampled` and the solvers. */
export function openCurveSolver(network: Network, space: string): Promise<CurveSolver> {
  return network.inexact(space).length === 0 ? openExact(network, space) : openSampled(network, space);
}

async function openExact(network: Network, space: string): Promise<CurveSolver> {
  const net = await network.piecewise({ from: space });
  return {
    taps: net.taps,
    async solve(curves, { steps = 0, nameOf, signal }) {
      const hasAnswers = steps > 0 && net.outputs > 0;
      const outputs = hasAnswers ? 'at-breakpoints' : 'none';
      const reports = await crossingsOnCurves(net, curves, { outputs, nameOf, signal });
      return reports.map((found) => ({
        found,
        answers: hasAnswers ? exactAnswers(found, net.outputs, steps) : null,
      }));
    },
    close: () => net.close(),
  };
}

async function openSampled(network: Network, space: string): Promise<CurveSolver> {
  const net = await network.sampled({ from: space });
  return {
    taps: net.taps,
    async solve(curves, { steps = 0, nameOf, signal }) {
      const reports = await sampledCrossings(net, curves, { nameOf, signal });
      const answers: (LegAnswers | null)[] = [];
      for (const curve of curves)
        answers.push(steps > 0 && net.outputs > 0 ? await sampledAnswers(net, curve, steps) : null);
      return reports.map((found, i) => ({ found, answers: answers[i]! }));
    },
    close: () => net.close(),
  };
}
