// The short result of a run, read back from its Parquet files as any notebook would.

import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { LAYERS_TABLE } from '#schemas/columns/layers.ts';
import { REGIONS_TABLE } from '#schemas/columns/regions.ts';
import { RUNS_TABLE } from '#schemas/columns/runs.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { chancePurity } from '../../activities/polytope/region-stats.ts';

export interface SpanSummary {
  readonly span: string;
  readonly points: number;
  readonly regions: number;
  /** Regions of one point. */
  readonly singletons: number;
  readonly entropyBits: number | null;
  /** Miller-Madow; not to be trusted where occupancy > 0.5. */
  readonly correctedEntropyBits: number | null;
  /** Regions over points. */
  readonly occupancy: number | null;
  /** Purity of regions with two or more points, weighted by points; null without labels. */
  readonly purity: number | null;
  /** The same under shuffled labels. */
  readonly chancePurity: number | null;
  readonly deadUnits: number | null;
  readonly units: number;
}

export interface RunSummary {
  readonly runId: string;
  readonly points: number;
  /** Recorded spans: taps in layer order, then network. */
  readonly spans: readonly SpanSummary[];
}

/** Labels dealt out in all shuffles together: more changes the chance level by less than its third digit. */
const DEALT_LABELS = 2_000_000;
const MOST_ROUNDS = 20;

/** Summarises the tables of a finished run folder. */
export async function summariseRun(runDir: string): Promise<RunSummary> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '400MB' });
  const connection = await instance.connect();
  try {
    const tables = tablePaths(runDir);
    const [run] = await rowsOf(connection, `SELECT run_id, n_points, seed FROM ${tables.runs}`);
    const layers = await rowsOf(connection, layerQuery(tables));
    const spans: SpanSummary[] = [];
    for (const layer of layers) {
      const chance = await chanceOf(connection, tables, {
        span: String(layer.name),
        seed: Number(run!.seed),
      });
      spans.push(spanSummary(layer, chance));
    }
    return { runId: String(run!.run_id), points: Number(run!.n_points), spans };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

type Row = Readonly<Record<string, unknown>>;
type Tables = ReturnType<typeof tablePaths>;

function tablePaths(runDir: string): { runs: string; layers: string; regions: string } {
  const source = (path: string) => `read_parquet('${join(runDir, path).replaceAll("'", "''")}')`;
  return {
    runs: source(RUNS_TABLE.path),
    layers: source(LAYERS_TABLE.path),
    regions: source(`${REGIONS_TABLE.path}*.parquet`),
  };
}

function layerQuery({ layers, regions }: Tables): string {
  return `
    SELECT l.name, l.n_bits, l.dead_units, l.h_code_bits, l.h_code_corrected_bits, l.occupancy, r.*
    FROM ${layers} l JOIN (
      SELECT span, sum("count") AS points, count(*) AS regions, count(*) FILTER ("count" = 1) AS singletons,
        sum(purity * list_sum(class_counts)) FILTER ("count" > 1) / sum(list_sum(class_counts)) FILTER ("count" > 1) AS purity
      FROM ${regions} GROUP BY span) r ON r.span = l.name
    ORDER BY l.layer_id`;
}

function spanSummary(row: Row, chance: number | null): SpanSummary {
  return {
    span: String(row.name),
    points: Number(row.points),
    regions: Number(row.regions),
    singletons: Number(row.singletons),
    entropyBits: numberOrNull(row.h_code_bits),
    correctedEntropyBits: numberOrNull(row.h_code_corrected_bits),
    occupancy: numberOrNull(row.occupancy),
    purity: numberOrNull(row.purity),
    chancePurity: chance,
    deadUnits: numberOrNull(row.dead_units),
    units: Number(row.n_bits),
  };
}

async function chanceOf(
  connection: DuckDBConnection,
  { regions }: Tables,
  of: { span: string; seed: number },
): Promise<number | null> {
  const isSpan = `span = '${of.span.replaceAll("'", "''")}'`;
  const sizes = await rowsOf(
    connection,
    `SELECT list_sum(class_counts) AS labels, count(*) AS regions FROM ${regions}
     WHERE ${isSpan} AND "count" > 1 AND len(class_ids) > 0 GROUP BY labels ORDER BY labels`,
  );
  const totals = await rowsOf(
    connection,
    `SELECT id, sum(points) AS points FROM (
       SELECT unnest(class_ids) AS id, unnest(class_counts) AS points FROM ${regions} WHERE ${isSpan}) GROUP BY id ORDER BY id`,
  );
  const regionLabels = Int32Array.from(
    sizes.flatMap((row) => new Array<number>(Number(row.regions)).fill(Number(row.labels))),
  );
  const classTotals = Int32Array.from(totals, (row) => Number(row.points));
  const labels = classTotals.reduce((sum, total) => sum + total, 0);
  const rounds = Math.max(1, Math.min(MOST_ROUNDS, Math.floor(DEALT_LABELS / Math.max(1, labels))));
  const random = randomStream(of.seed, 0x63686e63);
  return chancePurity({ regionLabels, classTotals, uniform: () => random.uniform(), rounds });
}

async function rowsOf(connection: DuckDBConnection, query: string): Promise<Row[]> {
  const reader = await connection.runAndReadAll(query);
  return reader.getRowObjects();
}

function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}
