// Where a training begins: at start values drawn at random, or at what a pilot found.

import type { MetflowConfig } from '#schemas/metflow-config.ts';
import { pilotedTheta, runPilot } from '../../activities/metflow/chains/pilot.ts';
import type { PathModel } from '../../activities/metflow/path/path-model.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import type { Trainer, TrainState } from '../../activities/metflow/training.ts';
import { createProgramRunner } from './program-runner.ts';

/**
 * The state before the first update of a run's path.
 * @throws the signal's reason where it is given while the pilot runs, and what {@link runPilot} throws.
 */
export async function startOfTraining(
  { path, trainer, traced }: { path: PathModel; trainer: Trainer; traced: TracedTarget },
  { train, seed }: Pick<MetflowConfig, 'train' | 'seed'>,
  options: { readonly signal: AbortSignal; readonly onSweep?: () => void },
): Promise<TrainState> {
  const drawn = trainer.initial();
  if (train.pilot === undefined) return drawn;
  const target = await openTarget(traced, { runner: createProgramRunner(), rows: train.pilot.chains });
  try {
    const places = await runPilot(target, train.pilot, { ...options, seed, scale: train.initialScale });
    return { ...drawn, theta: pilotedTheta(path, drawn.theta, places) };
  } finally {
    await target.close();
  }
}
