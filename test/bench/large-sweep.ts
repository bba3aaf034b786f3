// A synthetic sweep of millions of points: 1,000 classes, two spans; most regions hold one point, the largest some thousands.

import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type MadeRun, makeSweep } from '../infra/report/make-run.ts';

/** Regions that hold two points or more. */
const SHARED = 200_000;

export interface LargeSweep extends MadeRun {
  readonly regions: number;
}

/** Makes the run folder: small tables as in the tests, points and regions of the size asked for. */
export async function makeLargeSweep(folder: string, points: number): Promise<LargeSweep> {
  const made = await makeSweep(folder, { runId: 'large' });
  const counts = [Math.round(0.6 * points), points];
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '3GB' });
  const connection = await instance.connect();
  const write = (query: string, file: string) =>
    connection.run(`COPY (${query}) TO '${join(made.runDir, file)}' (FORMAT parquet, COMPRESSION zstd)`);
  await write(pointRows(points), 'points/part-0.parquet');
  await write(regionRows('fc1', counts[0]!), 'regions/part-0.parquet');
  await write(regionRows('network', counts[1]!), 'regions/part-1.parquet');
  connection.closeSync();
  instance.closeSync();
  return { ...made, regions: counts[0]! + counts[1]! };
}

function pointRows(points: number): string {
  return `SELECT i::INTEGER AS point_id, 'row ' || i AS source_id, (i % 1000)::INTEGER AS label, NULL::VARCHAR AS label_name,
    (i % 1000)::INTEGER AS pred_class, NULL::VARCHAR AS context FROM range(${points}) t(i)`;
}

/** Every third shared region holds one point of a second class. */
function regionRows(span: string, regions: number): string {
  const count = `CAST(CASE WHEN i < ${SHARED} THEN 2 + 3000000 // (i + 1000) ELSE 1 END AS INTEGER)`;
  const isMixed = `i < ${SHARED} AND i % 3 = 0`;
  const exemplars = Array.from({ length: 8 }, (_, k) => `((i + ${k}) % 10000)::INTEGER`).join(', ');
  return `SELECT '${span}' AS span, unhex(md5('${span}' || i)) AS digest,
    unhex(md5('w' || i) || md5('x' || i) || md5('y' || i) || md5('z' || i)) AS words, ${count} AS "count", i::INTEGER AS first_point_id,
    CASE WHEN ${isMixed} THEN [(i % 1000)::INTEGER, (i % 1000 + 1)::INTEGER] ELSE [(i % 1000)::INTEGER] END AS class_ids,
    CASE WHEN ${isMixed} THEN [${count} - 1, 1::INTEGER] ELSE [${count}] END AS class_counts,
    CASE WHEN ${isMixed} THEN 0.3::FLOAT ELSE 0::FLOAT END AS entropy_bits,
    CASE WHEN ${isMixed} THEN ((${count} - 1) / ${count})::FLOAT ELSE 1::FLOAT END AS purity,
    [${exemplars}] AS exemplar_point_ids, 'large' AS run_id FROM range(${regions}) t(i)`;
}
