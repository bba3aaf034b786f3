// Chains of a bench: drawn in this process, and taken apart into the series that diagnostics want.

import { beginChains, runSegment } from '../../activities/metflow/chains/chain-run.ts';
import type { Sampler } from '../../activities/metflow/chains/sampler.ts';
import type { Positions } from '../../activities/metflow/diagnostics/mode-occupancy.ts';

/** A signal that nothing ends. */
export const NEVER = new AbortController().signal;

/** Warms chains up and draws; seconds from the start on. */
export async function drawChains(
  sampler: Sampler,
  { dim, warmup, draws, chains }: Record<'dim' | 'warmup' | 'draws' | 'chains', number>,
) {
  const startedMs = performance.now();
  const secondsSoFar = () => (performance.now() - startedMs) / 1000;
  let run = await beginChains(sampler, NEVER);
  if (warmup > 0)
    ({ run } = await runSegment(sampler, run, { to: { warmed: warmup, drawn: 0 }, signal: NEVER }));
  const warmSeconds = secondsSoFar();
  const done = await runSegment(sampler, run, { to: { warmed: warmup, drawn: draws }, signal: NEVER });
  const drawn: Positions = { z: done.draws!.z, chains, draws, dim };
  return { drawn, seconds: secondsSoFar(), warmSeconds, health: done.run.health };
}

/** `[chains, draws]`: one coordinate. */
export function coordinate({ z, dim }: Positions, i: number): Float64Array {
  return Float64Array.from({ length: z.length / dim }, (_, at) => z[at * dim + i]!);
}

/** `[chains, draws]`: 1 where a draw is nearest to a mode. @param nearest - mode of each draw. */
export function indicator(nearest: ArrayLike<number>, mode: number): Float64Array {
  return Float64Array.from(nearest, (label) => (label === mode ? 1 : 0));
}
