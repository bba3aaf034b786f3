// Aggregation and commit against DuckDB alone doing the same GROUP BY and COPY from rows that it already
// holds in memory.
// node --import tsx test/bench/aggregate.bench.ts [points] [distinct inputs]

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';
import { CODES_COLUMNS_1 } from '#schemas/columns/code-message.ts';
import type { ColumnDef } from '#schemas/columns/column.ts';
import { pointHash } from '../../activities/polytope/point-hash.ts';
import type { CodeRows } from '../../activities/polytope/region-rows.ts';
import type { CodeMessage, ReceivedMessage } from '../../activities/ports.ts';
import type { ColumnBlock, ColumnData, ColumnValues } from '../../infra/arrow/column-block.ts';
import { asBytes } from '../../infra/arrow/columns.ts';
import { messageDecoder } from '../../infra/arrow/decode-message.ts';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { PartitionAggregator } from '../../infra/aggregate/partition-aggregator.ts';
import { pointColumns, tableOptions } from '../../infra/aggregate/plan-tables.ts';
import { writeParquet } from '../../infra/parquet/parquet-file.ts';
import { RegionTable } from '../../activities/polytope/region-table.ts';
import { encodeRows, syntheticPlan } from '../infra/aggregate/synthetic-log.ts';
import { compared } from './comparison.ts';

const ROUNDS = 3;
const [points = '280000', inputs = '70000'] = process.argv.slice(2).map(Number).map(String);
const rows = Number(points);
const plan = syntheticPlan({
  rows,
  shardRows: 4096,
  batchRows: 1024,
  partitions: 4,
  tapBits: [128, 128],
  classes: 10,
  exemplars: 8,
});
const partitions = plan.config.stream.partitions;
const codeRows = rows * plan.spans.length;
const folder = await mkdtemp(join(tmpdir(), 'aggregate-bench-'));

try {
  const log = messages();
  const megabytes = log.flat().reduce((sum, { value }) => sum + value.byteLength, 0) / 1e6;
  console.log(
    `${rows} points, ${codeRows} code rows, ${megabytes.toFixed(0)} MB of messages; best of ${ROUNDS}, one thread`,
  );
  const connection = await loadDuckDb(log);
  const best = { table: Infinity, aggregate: Infinity, commit: Infinity, duckdb: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    best.table = Math.min(best.table, tableOnly(log));
    const runDir = join(folder, `run-${round}`);
    best.aggregate = Math.min(best.aggregate, await timed(() => aggregate(runDir, log)));
    best.commit = Math.min(best.commit, await timed(() => commitRun({ runDir, plan, codeVersion: 'bench' })));
    best.duckdb = Math.min(
      best.duckdb,
      await timed(() => duckDbAlone(connection, join(folder, `duckdb-${round}`))),
    );
  }
  report('region table alone', best.table);
  report('aggregation (messages to segments)', best.aggregate);
  report('commit (segments to tables)', best.commit);
  report('DuckDB alone (table to Parquet)', best.duckdb);
  compared('aggregate', {
    what: 'aggregation and commit, one thread',
    unit: 's',
    ours: { name: 'messages to tables', value: (best.aggregate + best.commit) / 1000 },
    baseline: { name: 'DuckDB alone, table to Parquet', value: best.duckdb / 1000 },
  });
  connection.closeSync();
} finally {
  await rm(folder, { recursive: true });
}

/** Messages by partition. */
function messages(): ReceivedMessage[][] {
  const log = Array.from({ length: partitions }, (): ReceivedMessage[] => []);
  const append = ({ partition, value, headers }: CodeMessage): void => {
    log[partition]!.push({ value, headers, offset: BigInt(log[partition]!.length) });
  };
  for (const shard of plan.shards) {
    for (let batch = 0; batch < shard.batches; batch++) {
      const first = shard.firstSample + batch * plan.batchRows;
      const samples = Math.min(plan.batchRows, shard.firstSample + shard.samples - first);
      encodeRows(plan, { shard: shard.shardId, batch, first }, rowsOf(first, samples)).forEach(append);
    }
  }
  return log;
}

function rowsOf(first: number, samples: number): { words: Uint32Array[]; labels: Int32Array } {
  const words = plan.taps.map(() => new Uint32Array(samples * 4));
  const labels = new Int32Array(samples);
  for (let row = 0; row < samples; row++) {
    const input = pointHash(first + row, 1) % Number(inputs);
    labels[row] = input % 10;
    words.forEach((tap, number) => {
      for (let word = 0; word < 4; word++) tap[row * 4 + word] = pointHash(input, 1 + number * 4 + word);
    });
  }
  return { words, labels };
}

function tableOnly(log: readonly (readonly ReceivedMessage[])[]): number {
  const decoder = messageDecoder(plan);
  let milliseconds = 0;
  for (const partition of log) {
    const table = new RegionTable(tableOptions(plan));
    for (const { value, headers } of partition) {
      if (headers.kind !== 'codes') continue;
      const codes = decoder.codes(value, 'bench')!;
      const start = performance.now();
      table.addCodes(codes);
      milliseconds += performance.now() - start;
    }
  }
  return milliseconds;
}

async function aggregate(runDir: string, log: readonly (readonly ReceivedMessage[])[]): Promise<void> {
  await mkdir(runDir);
  for (const [partition, own] of log.entries()) {
    const aggregator = await PartitionAggregator.open({ dir: join(runDir, 'segments'), partition, plan });
    for (let from = 0; from < own.length; from += 50) await aggregator.add(own.slice(from, from + 50));
    await aggregator.flush();
  }
}

/** The same rows as tables of an in-memory database; loading them is not timed. */
async function loadDuckDb(log: readonly (readonly ReceivedMessage[])[]): Promise<DuckDBConnection> {
  const decoder = messageDecoder(plan);
  const blocks = { codes: [] as ColumnBlock[], points: [] as ColumnBlock[] };
  for (const { value, headers } of log.flat()) {
    if (headers.kind === 'codes') blocks.codes.push(codesBlock(decoder.codes(value, 'bench')!));
    if (headers.kind === 'points') blocks.points.push(decoder.points(value, 'bench')!);
  }
  const codes = CODES_COLUMNS_1.map((column): ColumnDef => ({ ...column, nullable: false, description: '' }));
  const columns = { codes, points: pointColumns(plan) };
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  for (const kind of ['codes', 'points'] as const) {
    const file = join(folder, `${kind}.parquet`);
    await writeParquet(file, { columns: columns[kind], blocks: blocks[kind], metadata: {}, use: 'segment' });
    await connection.run(`CREATE TABLE ${kind} AS SELECT * FROM '${file}'`);
  }
  return connection;
}

/** A copy: the next message's rows take their place. */
function codesBlock({ rows, span, pointId, label, digest, words, wordOffsets }: CodeRows): ColumnBlock {
  const column = (values: ColumnValues, offsets: Int32Array | null = null): ColumnData => ({
    values: values.slice(),
    offsets: offsets?.slice(0, rows + 1) ?? null,
    validity: null,
  });
  const columns = {
    span: column(span.subarray(0, rows)),
    point_id: column(pointId.subarray(0, rows)),
    label: column(label.subarray(0, rows)),
    digest: column(asBytes(digest.subarray(0, rows * 4))),
    words: column(words, wordOffsets),
  };
  return { rows, columns: new Map(Object.entries(columns)) };
}

async function duckDbAlone(connection: DuckDBConnection, prefix: string): Promise<void> {
  await connection.run(`
    COPY (
      SELECT span, digest, any_value(words) AS words, count(*) AS "count", min(point_id) AS first_point_id,
        histogram(label) AS classes, min(point_id, 8) AS exemplars
      FROM codes GROUP BY span, digest ORDER BY span, "count" DESC, digest
    ) TO '${prefix}-regions.parquet' (FORMAT parquet, COMPRESSION zstd)`);
  await connection.run(
    `COPY (SELECT * FROM points ORDER BY point_id) TO '${prefix}-points.parquet' (FORMAT parquet, COMPRESSION zstd)`,
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function report(what: string, milliseconds: number): void {
  const perPoint = ((milliseconds * 1000) / rows).toFixed(2);
  const rate = (codeRows / milliseconds / 1000).toFixed(2);
  console.log(
    `${what.padEnd(36)} ${milliseconds.toFixed(0).padStart(6)} ms  ${rate} M code rows/s  ${perPoint} µs per point`,
  );
}
