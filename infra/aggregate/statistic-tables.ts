// The layers, units and runs tables from summed statistics.

import { basename } from 'node:path';
import { LAYERS_TABLE } from '#schemas/columns/layers.ts';
import { RUNS_TABLE } from '#schemas/columns/runs.ts';
import { UNITS_TABLE } from '#schemas/columns/units.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { codeDimension } from '../../activities/polytope/code-dimension.ts';
import type { CodeDimension } from '../../activities/polytope/code-dimension.ts';
import type { CodeSample } from '../../activities/polytope/code-sample.ts';
import { unitStats } from '../../activities/polytope/code-stats.ts';
import type { UnitStats } from '../../activities/polytope/code-stats.ts';
import { codeEntropy } from '../../activities/polytope/region-stats.ts';
import type { CodeEntropy, RegionSizes } from '../../activities/polytope/region-stats.ts';
import type { UnitTable } from '../../activities/polytope/unit-table.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { blockOfCells } from './rows-to-block.ts';

/** Everything that the statistics tables are made of. */
export interface Statistics {
  readonly plan: SweepPlan;
  /** Sizes of the regions of every span. */
  readonly sizes: readonly RegionSizes[];
  readonly sample: CodeSample;
  readonly units: UnitTable;
}

interface LayerRow {
  readonly name: string;
  readonly taps: readonly number[];
  readonly isNetwork: boolean;
  readonly units: UnitStats | null;
  readonly deadUnits: number | null;
  readonly alwaysOnUnits: number | null;
  readonly independentBits: number | null;
  readonly entropy: CodeEntropy | null;
  readonly dimension: CodeDimension;
}

/** Statistics of every tap, null where it never got a row. */
export function tapStats({ plan, units }: Statistics): (UnitStats | null)[] {
  const entries = units.entries();
  return plan.taps.map((_, tap) => unitStats(entries.filter((counts) => counts.tap === tap)));
}

/** One row per tap, then one per network span. */
export function layersBlock(statistics: Statistics, stats: readonly (UnitStats | null)[]): ColumnBlock {
  const { plan } = statistics;
  const rows = layerRows(statistics, stats);
  const tapOf = (row: number) => (rows[row]!.isNetwork ? null : plan.taps[row]!);
  const bitsOf = (row: number) => rows[row]!.taps.reduce((sum, tap) => sum + plan.taps[tap]!.codeBits, 0);
  return blockOfCells(LAYERS_TABLE.columns, rows.length, {
    layer_id: (row) => row,
    name: (row) => rows[row]!.name,
    kind: (row) => tapOf(row)?.kind ?? 'network',
    channels: (row) => tapOf(row)?.channels ?? null,
    height: (row) => tapOf(row)?.height ?? null,
    width: (row) => tapOf(row)?.width ?? null,
    n_bits: bitsOf,
    bit_offset: (row) => (rows[row]!.isNetwork ? 0 : bitOffset(plan, row)),
    activation: (row) => tapOf(row)?.activation ?? null,
    dead_units: (row) => rows[row]!.deadUnits,
    always_on_units: (row) => rows[row]!.alwaysOnUnits,
    soft_fraction: (row) => rows[row]!.units?.softFraction ?? null,
    h_ind_bits: (row) => rows[row]!.independentBits,
    h_code_bits: (row) => rows[row]!.entropy?.bits ?? null,
    h_code_corrected_bits: (row) => rows[row]!.entropy?.correctedBits ?? null,
    occupancy: (row) => rows[row]!.entropy?.occupancy ?? null,
    participation_ratio: (row) => rows[row]!.dimension.participationRatio,
    two_nn_dim: (row) => rows[row]!.dimension.twoNearest,
    run_id: () => plan.runId,
  });
}

function layerRows(statistics: Statistics, stats: readonly (UnitStats | null)[]): LayerRow[] {
  const { plan } = statistics;
  const taps = plan.taps.map((tap, index) =>
    layerRow(statistics, stats, { name: tap.name, taps: [index], isNetwork: false }),
  );
  const networks = plan.spans.filter((span) => isNetworkSpan(plan, span.name));
  return [...taps, ...networks.map((span) => layerRow(statistics, stats, { ...span, isNetwork: true }))];
}

function layerRow(
  { plan, sizes, sample }: Statistics,
  stats: readonly (UnitStats | null)[],
  { name, taps, isNetwork }: Pick<LayerRow, 'name' | 'taps' | 'isNetwork'>,
): LayerRow {
  const span = plan.spans.findIndex((candidate) => candidate.name === name);
  const parts = taps.map((tap) => stats[tap] ?? null);
  const sum = (value: (unit: UnitStats) => number) =>
    parts.includes(null) ? null : parts.reduce((total, part) => total + value(part!), 0);
  return {
    name,
    taps,
    isNetwork,
    units: isNetwork ? null : (parts[0] ?? null),
    deadUnits: sum((part) => part.dead),
    alwaysOnUnits: sum((part) => part.alwaysOn),
    independentBits: sum((part) => part.independentBits),
    entropy: span < 0 ? null : codeEntropy(sizes[span]!),
    dimension:
      span < 0 ? { participationRatio: null, twoNearest: null } : codeDimension(sample.sampled(span)),
  };
}

/** Spans that are no tap's own. */
export function isNetworkSpan({ taps }: Pick<SweepPlan, 'taps'>, name: string): boolean {
  return !taps.some((tap) => tap.name === name);
}

/** First bit of a tap in the words of the network span that holds it; 0 where there is none. */
function bitOffset(plan: SweepPlan, tap: number): number {
  const network = plan.spans.find((span) => isNetworkSpan(plan, span.name) && span.taps.includes(tap));
  const before = network === undefined ? [] : network.taps.slice(0, network.taps.indexOf(tap));
  return before.reduce((sum, index) => sum + 32 * Math.ceil(plan.taps[index]!.codeBits / 32), 0);
}

/** One block per tap: one row per unit. */
export function* unitBlocks(
  { plan }: Statistics,
  stats: readonly (UnitStats | null)[],
): Generator<ColumnBlock> {
  for (const [layer, tap] of plan.taps.entries()) {
    const unit = stats[layer];
    if (unit === null || unit === undefined) continue;
    const cells = tap.height * tap.width;
    const onGrid = tap.codeBits === tap.channels * cells && cells > 1;
    yield blockOfCells(UNITS_TABLE.columns, tap.codeBits, {
      layer_id: () => layer,
      unit: (row) => row,
      channel: (row) => (onGrid ? Math.floor(row / cells) : row),
      y: (row) => (onGrid ? Math.floor((row % cells) / tap.width) : null),
      x: (row) => (onGrid ? row % tap.width : null),
      rate: (row) => unit.rate[row]!,
      dead: (row) => unit.rate[row] === 0,
      always_on: (row) => unit.rate[row] === 1,
      mutual_information_bits: (row) => unit.labelBits?.[row] ?? null,
      n: () => BigInt(unit.rows),
      run_id: () => plan.runId,
    });
  }
}

/**
 * The one row of the runs table; what the clock says is null, because the same config must give the same
 * bytes.
 */
export function runsBlock(plan: SweepPlan, points: number, codeVersion: string): ColumnBlock {
  const { config, model, data } = plan;
  const isText = config.dataset.tokenizer !== undefined;
  const isTrained = config.model.control === 'none';
  const cells: Record<string, string | number | bigint | boolean | null> = {
    run_id: plan.runId,
    created_at: null,
    experiment: config.kind,
    model_id: basename(config.model.file),
    model_sha256: model.sha256,
    model_kind: isTrained ? 'trained' : config.model.control,
    init_seed: isTrained ? null : BigInt(config.seed),
    dataset_id: data.files.map(({ file }) => basename(file)).join(','),
    dataset_sha256: data.sha256,
    n_points: points,
    seed: BigInt(config.seed),
    dtype: 'float32',
    tie_rule: 'z > 0',
    span_kind: config.codes.spans.join(','),
    granularity: isText ? 'token' : config.codes.granularity,
    preprocess_json: JSON.stringify(config.dataset.transform),
    params_json: JSON.stringify(config.codes),
    code_version: codeVersion,
    backend: model.backend,
    wall_ms: null,
    exact: plan.taps.every(({ exact }) => exact),
  };
  return blockOfCells(
    RUNS_TABLE.columns,
    1,
    Object.fromEntries(Object.entries(cells).map(([name, cell]) => [name, () => cell])),
  );
}
