// What the chains say: of the draws so far for the progress, of all of them as tables.

import { DIAGNOSTICS_TABLE } from '#schemas/columns/metflow/diagnostics.ts';
import { KERNEL_HEALTH_TABLE } from '#schemas/columns/metflow/kernel-health.ts';
import { LEVEL_MASS_TABLE } from '#schemas/columns/metflow/level-mass.ts';
import { MODES_TABLE } from '#schemas/columns/metflow/modes.ts';
import type { DiagnoseInput, DiagnoseOutput } from '#schemas/tasks.ts';
import { chainRunOf } from '../../activities/metflow/chains/chain-checkpoint.ts';
import {
  kernelRows,
  levelRows,
  modeRows,
  type ParameterRow,
  parameterRow,
  worstOf,
} from '../../activities/metflow/chains/diagnose.ts';
import {
  labelDraws,
  modeOccupancy,
  type Modes,
} from '../../activities/metflow/diagnostics/mode-occupancy.ts';
import { findCheckpoint, groupName } from '../metflow/checkpoint-files.ts';
import { type MetflowPlan, readMetflowPlan } from '../metflow/metflow-plan.ts';
import { chainsOrigin } from '../metflow/origins.ts';
import { plannedTarget } from '../metflow/planned-target.ts';
import { drawsInParts, readDraws, readPositions } from '../metflow/read-draws.ts';
import { writeRegionTables } from '../metflow/region-tables.ts';
import { writeRows } from '../metflow/small-tables.ts';
import { trainedModel } from '../metflow/trained-model.ts';
import type { TaskContext } from './task-context.ts';

/** Numbers that are held at a time: coordinates are read in blocks of so many. */
const HELD_NUMBERS = 2 ** 24;

/** Looks at the draws that every chain has; `final` writes diagnostics, kernel_health, modes and regions. */
export async function diagnoseChainsTask(
  { runDir, configSha256, purpose }: DiagnoseInput,
  { signal }: TaskContext,
): Promise<DiagnoseOutput> {
  const plan = await readMetflowPlan(runDir, configSha256);
  const draws = await drawsInParts(runDir, plan);
  if (draws === 0) return { draws, rHat: null, essBulk: null, essTail: null };
  const rows = await parameterRows(plan, { runDir, draws, signal });
  if (purpose === 'final') await writeTables(plan, { runDir, draws, rows, signal });
  return { draws, ...worstOf(rows) };
}

interface Looked {
  readonly runDir: string;
  readonly draws: number;
}

async function parameterRows(
  plan: MetflowPlan,
  { runDir, draws, signal }: Looked & { readonly signal: AbortSignal },
): Promise<ParameterRow[]> {
  const { chains } = plan.config.sample;
  const block = Math.max(1, Math.floor(HELD_NUMBERS / (chains * draws)));
  const rows: ParameterRow[] = [];
  let logDensity: Float64Array | null = null;
  for (let from = 0; from < plan.dim; from += block) {
    const to = Math.min(plan.dim, from + block);
    const read = await readDraws(runDir, plan, { draws, from, to });
    ({ logDensity } = read);
    for (const [i, values] of read.coordinates.entries()) {
      signal.throwIfAborted();
      rows.push(parameterRow(`z[${from + i}]`, { values, chains, draws }));
    }
  }
  return [...rows, parameterRow('log_density', { values: logDensity!, chains, draws })];
}

async function writeTables(
  plan: MetflowPlan,
  {
    runDir,
    draws,
    rows,
    signal,
  }: Looked & {
    readonly rows: readonly ParameterRow[];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const place = { runDir, runId: plan.runId };
  const { traced } = await plannedTarget(plan);
  const found = traced.modes === undefined ? null : await modesOf(plan, traced.modes, { runDir, draws });
  await writeRows(DIAGNOSTICS_TABLE, [...rows, ...(found?.diagnostics ?? [])], place);
  await writeRows(MODES_TABLE, found?.rows ?? [], place);
  const { essBulk } = worstOf(rows);
  const { levels } = traced;
  const effectiveSize = essBulk ?? Number.NaN;
  const masses =
    levels === undefined
      ? []
      : levelRows(await readPositions(runDir, plan, draws), { levels, effectiveSize });
  await writeRows(LEVEL_MASS_TABLE, masses, place);
  await writeRows(KERNEL_HEALTH_TABLE, kernelRows(await healthOf(plan, runDir), plan.dim), place);
  await writeRegionTables(plan, { runDir, draws, signal, essBulk });
}

async function modesOf(plan: MetflowPlan, modes: Modes, { runDir, draws }: Looked) {
  const positions = await readPositions(runDir, plan, draws);
  const { chains } = positions;
  const { nearest } = labelDraws(positions, modes);
  return {
    rows: modeRows(modeOccupancy(positions, modes), modes),
    diagnostics: Array.from(modes.weights, (_, mode) => {
      const values = Float64Array.from(nearest, (label) => (label === mode ? 1 : 0));
      return parameterRow(`mode[${mode}]`, { values, chains, draws });
    }),
  };
}

async function healthOf(plan: MetflowPlan, runDir: string) {
  const model = await trainedModel(runDir, plan);
  const groups = Array.from({ length: plan.groups }, (_, group) => group);
  return Promise.all(
    groups.map(async (group) => {
      const origin = chainsOrigin(plan, { group, model: model?.sha256 ?? null });
      const found = await findCheckpoint(runDir, groupName(group), { origin });
      return found === null ? [] : chainRunOf(found.checkpoint).health;
    }),
  );
}
