// The experiments by name: one import and one row each.

import type { TableDef } from '#schemas/columns/column.ts';
import { CLAIMS_TABLE } from '#schemas/columns/lens/claims.ts';
import { LENS_LAYERS_TABLE } from '#schemas/columns/lens/layers.ts';
import { LENS_POINTS_TABLE } from '#schemas/columns/lens/points.ts';
import { LENS_RUNS_TABLE } from '#schemas/columns/lens/runs.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ExperimentName } from '#schemas/lens-config.ts';
import { clusters } from './clusters.ts';
import { codeDirections } from './code-directions.ts';
import { compare } from './compare.ts';
import { complexity } from './complexity.ts';
import { density } from './density.ts';
import type { Experiment } from './experiment.ts';
import { interpolation } from './interpolation.ts';
import { paths } from './paths.ts';
import { perturbation } from './perturbation.ts';
import { scaling } from './scaling.ts';
import { slice } from './slice.ts';

const EXPERIMENTS: Readonly<Partial<Record<ExperimentName, Experiment>>> = {
  clusters,
  code_directions: codeDirections,
  compare,
  complexity,
  density,
  interpolation,
  paths,
  perturbation,
  scaling,
  slice,
};

/** Tables that every experiment leaves. */
export const SHARED_TABLES: readonly TableDef[] = [
  LENS_RUNS_TABLE,
  LENS_LAYERS_TABLE,
  LENS_POINTS_TABLE,
  CLAIMS_TABLE,
];

/** @throws PipelineError `not-there-yet` where the config knows the name but nothing stands behind it. */
export function experimentNamed(name: ExperimentName): Experiment {
  const experiment = EXPERIMENTS[name];
  if (experiment !== undefined) return experiment;
  const what = 'this experiment comes in a later version';
  throw new PipelineError({ kind: 'not-there-yet', what, where: 'experiment', value: name });
}

/** Every experiment, in the order of its name. */
export function allExperiments(): readonly Experiment[] {
  return Object.values(EXPERIMENTS).sort((a, b) => (a.name < b.name ? -1 : 1));
}
