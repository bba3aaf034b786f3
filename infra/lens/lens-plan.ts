// The plan of an experiment's run, as plan.json holds it.

import type { TableDef } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import type { ModelRecord } from '#schemas/messages.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import type { CodedPoints, Experiment, LensTask } from '../../activities/experiments/experiment.ts';
import { SHARED_TABLES } from '../../activities/experiments/experiments.ts';
import type { ModelVariant } from '../../activities/experiments/network.ts';
import type { DatasetPlan } from '../../activities/ports.ts';
import { readTaskPlan } from '../run-plan.ts';

/** A task of the experiment, or a model's rows of the layers table, or some of its points table. */
export interface PlannedTask extends LensTask {
  readonly of: 'measurements' | 'layers' | 'points';
}

export interface LensPlan {
  readonly runId: string;
  readonly configSha256: string;
  readonly config: LensConfig;
  readonly unit: string;
  readonly tasks: readonly PlannedTask[];
  readonly design: unknown;
  /** Samples of the points table, ascending. */
  readonly points: readonly number[];
  /** Null where the run has no points of a data set. */
  readonly coded: CodedPoints | null;
  readonly variants: readonly ModelVariant[];
  readonly model:
    | (ModelRecord & {
        readonly taps: readonly TapInfo[];
        /** Max-pools, which tables number behind the taps. */
        readonly pools: readonly TapInfo[];
        readonly text: boolean;
        readonly exact: boolean;
        /** Shape of one sample. */
        readonly inputShape: readonly number[];
      })
    | null;
  readonly data: (DatasetPlan & { readonly sha256: string }) | null;
  readonly skipped: readonly { readonly file: string; readonly why: string }[];
  readonly notices: readonly string[];
  readonly topic: string;
}

/** Reads the plan of a run. @throws PipelineError as {@link readTaskPlan} does. */
export function readLensPlan(runDir: string, configSha256: string): Promise<LensPlan> {
  return readTaskPlan<LensPlan>(runDir, configSha256);
}

/** Units of a task that count as progress. */
export function unitsOf({ of, from, to }: PlannedTask): number {
  return of === 'measurements' ? to - from : 0;
}

/** The partition that a task's rows go to. */
export function partitionOf(task: number, { config }: Pick<LensPlan, 'config'>): number {
  return task % config.stream.partitions;
}

/** Tables that tasks write: the experiment's, the layers and the points. Columns without `run_id`, which the commit adds. */
export function measuredTables({ tables }: Pick<Experiment, 'tables'>): TableDef[] {
  const shared = SHARED_TABLES.filter(({ name }) => name === 'layers' || name === 'points');
  return [...tables, ...shared].map((table) => ({
    ...table,
    columns: table.columns.filter(({ name }) => name !== 'run_id'),
  }));
}

/** A table's definition by its name. @throws PipelineError `internal` for a name that the experiment does not have. */
export function tableNamed(tables: readonly TableDef[], name: string): TableDef {
  const table = tables.find((each) => each.name === name);
  if (table !== undefined) return table;
  throw new PipelineError({ kind: 'internal', what: 'the experiment has no such table', value: name });
}
