// region_mass and region_summary of a run: draws through the model, and the same for the controls.

import { REGION_MASS_TABLE, REGION_SUMMARY_TABLE } from '#schemas/columns/metflow/region-mass.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { RegionsConfig } from '#schemas/metflow-config.ts';
import { regionRows } from '../../activities/metflow/chains/region-rows.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { countDataset, countsOfSweep, type SpanCounts } from './data-codes.ts';
import { type DrawCoder, openDrawCoder } from './draw-codes.ts';
import type { MetflowPlan } from './metflow-plan.ts';
import { plannedTarget } from './planned-target.ts';
import { readPositions } from './read-draws.ts';
import { writeRows } from './small-tables.ts';

export interface RegionPlace {
  readonly runDir: string;
  /** Draws of each chain. */
  readonly draws: number;
  /** Least bulk effective size of the parameters; null where it is not known. */
  readonly essBulk: number | null;
  readonly signal: AbortSignal;
}

/** Keeps the draws of the base law apart from all others of the run. */
const BASE_STREAM = 0x626173;

/** Writes both tables; empty ones where the config asks for no regions. */
export async function writeRegionTables(plan: MetflowPlan, place: RegionPlace): Promise<void> {
  const { regions } = plan.config;
  const rows = regions === undefined ? [] : await allEstimates(plan, regions, place);
  const { runDir } = place;
  const { runId } = plan;
  const masses = rows.flatMap((each) => each.rows);
  await writeRows(REGION_MASS_TABLE, masses, { runDir, runId });
  await writeRows(
    REGION_SUMMARY_TABLE,
    rows.map(({ summary }) => summary),
    { runDir, runId },
  );
}

type EstimatedSpan = ReturnType<typeof regionRows>;

async function allEstimates(
  plan: MetflowPlan,
  { sweep, dataset, controls, most }: RegionsConfig,
  { runDir, draws, essBulk, signal }: RegionPlace,
): Promise<EstimatedSpan[]> {
  const { z, chains } = await readPositions(runDir, plan, draws);
  const shape = { chains, draws, most, seed: plan.config.seed };
  const ofChains = { ...shape, effectiveSize: essBulk ?? Number.NaN };
  const rows: EstimatedSpan[] = [];
  await using trained = await coderOf(plan, 'none');
  let data: SpanCounts | null = null;
  if (dataset !== undefined) data = await countDataset(trained, dataset, { signal });
  else if (sweep !== undefined) data = await countsOfSweep(sweep, plan.model!);
  rows.push(...(await estimateOf(trained, { ...ofChains, estimate: 'chains', z, data })));
  signal.throwIfAborted();
  if (controls.includes('base_law')) {
    const base = await baseDraws(plan, chains * draws);
    const independent = { ...shape, effectiveSize: chains * draws };
    if (base !== null)
      rows.push(...(await estimateOf(trained, { ...independent, estimate: 'base_law', z: base, data })));
  }
  signal.throwIfAborted();
  if (controls.includes('random_init')) {
    await using fresh = await coderOf(plan, 'random_init');
    const freshData = dataset === undefined ? null : await countDataset(fresh, dataset, { signal });
    rows.push(...(await estimateOf(fresh, { ...ofChains, estimate: 'random_init', z, data: freshData })));
  }
  return rows;
}

async function coderOf(plan: MetflowPlan, control: 'none' | 'random_init'): Promise<DrawCoder> {
  const { config, dim } = plan;
  const { feed } = await plannedTarget(plan);
  return openDrawCoder(config.model!, dim, { control, seed: config.seed, countAmbiguous: true, feed });
}

/** Independent draws of the law that the target tilts, or of the target itself where it can be drawn exactly. */
async function baseDraws(plan: MetflowPlan, rows: number): Promise<Float64Array | null> {
  const { traced } = await plannedTarget(plan);
  const draw = traced.base ?? traced.sample;
  return draw === undefined ? null : draw(rows, randomStream(plan.config.seed, BASE_STREAM));
}

async function estimateOf(
  coder: DrawCoder,
  {
    z,
    data,
    chains,
    draws,
    ...options
  }: {
    z: Float64Array;
    data: SpanCounts | null;
    chains: number;
    draws: number;
    estimate: string;
    effectiveSize: number;
    most: number;
    seed: number;
  },
): Promise<EstimatedSpan[]> {
  const { digests, ambiguous } = await coder.codes(z);
  return coder.spans.map(({ name, bits }, span) => {
    const counts = data === null ? null : (data.get(name) ?? null);
    if (data !== null && counts === null) throw unswept(name);
    const coded = { chains, draws, digests: digests[span]!, ambiguous: ambiguous[span]! };
    return regionRows(coded, { ...options, span: name, bits, data: counts });
  });
}

function unswept(span: string): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    where: 'regions.sweep',
    what: 'the sweep has no regions of this span',
    value: span,
    remedy: 'Sweep with codes.spans: [layer, network] and the same taps.',
  });
}
