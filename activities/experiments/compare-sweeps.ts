// Regions of two sweeps of the same data, span by span.

import { REGION_CHANGES_TABLE, SPAN_CHANGES_TABLE } from '#schemas/columns/lens/compare.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { type PartitionChanges, partitionChanges } from '../polytope/partition-changes.ts';
import { type CompareConfig, differ, type ReadSide } from './compared-runs.ts';
import { meanEvidence } from './evidence.ts';
import type { Cell, MeasureContext, ReadTable, TableRows } from './experiment.ts';
import { numberAt } from './grouped-rows.ts';
import { RowCollector } from './row-collector.ts';

const ROWS_PER_CHUNK = 50_000;
/** Points whose agreement is resampled; more would only take time. */
const MOST_RESAMPLED = 10_000;
const LAYER_COLUMNS = [
  'name',
  'n_bits',
  'h_code_bits',
  'occupancy',
  'participation_ratio',
  'two_nn_dim',
] as const;

/**
 * Rows of `span_changes` and `region_changes`, a few chunks per span.
 * @throws PipelineError `config-invalid` where points or spans differ, `data-invalid` where a sweep kept no digests.
 */
export async function* compareSweeps(
  read: ReadSide,
  { config, signal }: Pick<MeasureContext<CompareConfig, null>, 'config' | 'signal'>,
): AsyncIterable<readonly TableRows[]> {
  const layers = [await read(0, 'layers', LAYER_COLUMNS), await read(1, 'layers', LAYER_COLUMNS)] as const;
  const spans = spansOf(layers, config.runs);
  const labels = await labelsOf(read, config.runs);
  for (const [row, span] of spans.entries()) {
    signal.throwIfAborted();
    if (numberAt(layers[0].columns.occupancy!, row) === null) continue;
    const column = `digest_${span}`;
    const digests = [await read(0, 'points', [column]), await read(1, 'points', [column])] as const;
    const [before, after] = digests.map(({ columns }) => Array.from(columns[column]!, nameOf));
    const changes = partitionChanges({ before: before!, after: after!, labels });
    const summary = new RowCollector(SPAN_CHANGES_TABLE);
    summary.add({
      span,
      ...counted(changes),
      ...layerColumns(layers, row),
      ...agreementOf(changes, config.seed),
    });
    yield [summary.take()];
    yield* fateChunks(span, changes);
  }
}

function spansOf(layers: readonly [ReadTable, ReadTable], runs: readonly [string, string]): string[] {
  const [a, b] = layers.map(({ rows, columns }) =>
    Array.from({ length: rows }, (_, row) => `${columns.name![row]} (${columns.n_bits![row]} bits)`),
  );
  if (a!.join() !== b!.join())
    throw differ('the two runs have different taps', runs, `${a!.join(', ')} and ${b!.join(', ')}`);
  return Array.from(layers[0].columns.name!, String);
}

/** Class of every point, -1 for none, once both runs are known to have the same points. */
async function labelsOf(read: ReadSide, runs: readonly [string, string]): Promise<Int32Array> {
  const columns = ['point_id', 'source_id', 'label'];
  const [a, b] = [await read(0, 'points', columns), await read(1, 'points', columns)];
  if (a.rows !== b.rows)
    throw differ('the two runs have different points', runs, `${a.rows} and ${b.rows} points`);
  for (let row = 0; row < a.rows; row++) {
    const [first, second] = [a, b].map(
      (table) => `${table.columns.point_id![row]} of ${table.columns.source_id![row]}`,
    );
    if (first !== second)
      throw differ('the two runs have different points', runs, `row ${row}: ${first} and ${second}`);
  }
  return Int32Array.from({ length: a.rows }, (_, row) => numberAt(a.columns.label!, row) ?? -1);
}

function nameOf(digest: Cell): string | null {
  return digest === null
    ? null
    : Array.from(digest as Uint8Array, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function counted(changes: PartitionChanges) {
  const { purityBefore, purityAfter } = changes;
  return {
    n_points: changes.points,
    regions_a: changes.regionsBefore,
    regions_b: changes.regionsAfter,
    kept: changes.kept,
    gained: changes.gained,
    lost: changes.lost,
    split: changes.split,
    merged: changes.merged,
    unchanged: changes.unchanged,
    purity_a: purityBefore,
    purity_b: purityAfter,
    purity_change: purityBefore === null || purityAfter === null ? null : purityAfter - purityBefore,
  };
}

function layerColumns([first, second]: readonly [ReadTable, ReadTable], row: number) {
  const both = (name: (typeof LAYER_COLUMNS)[number]) => {
    const [a, b] = [numberAt(first.columns[name]!, row), numberAt(second.columns[name]!, row)];
    return { a, b, change: a === null || b === null ? null : b - a };
  };
  const [bits, occupancy] = [both('h_code_bits'), both('occupancy')];
  const [ratio, dimension] = [both('participation_ratio'), both('two_nn_dim')];
  return {
    h_code_bits_a: bits.a,
    h_code_bits_b: bits.b,
    h_code_bits_change: bits.change,
    occupancy_a: occupancy.a,
    occupancy_b: occupancy.b,
    occupancy_change: occupancy.change,
    participation_ratio_a: ratio.a,
    participation_ratio_b: ratio.b,
    two_nn_dim_a: dimension.a,
    two_nn_dim_b: dimension.b,
  };
}

function agreementOf({ agreement: { before, after } }: PartitionChanges, seed: number) {
  const order = shuffle(Int32Array.from(before.keys()), randomStream(seed, 1)).subarray(0, MOST_RESAMPLED);
  const changes = Array.from(order, (point) => after[point]! - before[point]!);
  const statement = {
    claim: '',
    experiment: '',
    model: '',
    span: '',
    nullEffect: 0,
    predicted: 'above',
  } as const;
  const { effect, interval, pValue, n } = meanEvidence(statement, changes, seed);
  return {
    agreement_change: effect,
    agreement_ci_low: interval?.low ?? null,
    agreement_ci_high: interval?.high ?? null,
    agreement_p: pValue,
    agreement_n: n,
  };
}

function* fateChunks(span: string, { fates }: PartitionChanges): Iterable<readonly TableRows[]> {
  for (let from = 0; from < fates.length; from += ROWS_PER_CHUNK) {
    const rows = new RowCollector(REGION_CHANGES_TABLE);
    for (const fate of fates.slice(from, from + ROWS_PER_CHUNK))
      rows.add({
        span,
        digest_a: Uint8Array.from(fate.name.match(/../g)!, (byte) => Number.parseInt(byte, 16)),
        count_a: fate.count,
        first_point_id: fate.firstPoint,
        parts_b: fate.parts,
        largest_part_b: fate.largestPart,
        purity_a: fate.purity,
        purity_parts_b: fate.purityOfParts,
      });
    yield [rows.take()];
  }
}
