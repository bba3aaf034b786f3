// A run folder, a synthetic log and the steps from one to the other, for tests of aggregation and commit.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect } from 'vitest';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { ReceivedMessage } from '../../../activities/ports.ts';
import type { CommitOptions } from '../../../infra/aggregate/commit-run.ts';
import { commitRun } from '../../../infra/aggregate/commit-run.ts';
import { PartitionAggregator } from '../../../infra/aggregate/partition-aggregator.ts';
import type { SyntheticOptions } from './synthetic-log.ts';
import { received, syntheticMessages, syntheticPlan } from './synthetic-log.ts';

export const OPTIONS: SyntheticOptions = { rows: 900, inputs: 150 };
export const PLAN = syntheticPlan(OPTIONS);
export const LOG = [...syntheticMessages(PLAN, OPTIONS)].flat();

/** Folder of the test file that made it. */
export let root = '';
let runs = 0;

/** To be called by every test file that asks for runs: files share this module. */
export function makeRoot(): void {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'aggregate-'));
  });
  afterAll(() => rm(root, { recursive: true }));
}

export async function freshRun(): Promise<string> {
  const runDir = join(root, `run-${runs++}`);
  await mkdir(runDir);
  return runDir;
}

interface Feed {
  readonly plan?: SweepPlan;
  /** Messages of each partition. */
  readonly partitions: readonly (readonly ReceivedMessage[])[];
  /** Segments are cut and the aggregator reopened before these places. */
  readonly cuts?: readonly number[];
  readonly segmentBytes?: number;
}

export async function aggregate(
  runDir: string,
  { plan = PLAN, partitions, cuts = [], segmentBytes = 2 ** 27 }: Feed,
): Promise<void> {
  for (const [partition, messages] of partitions.entries()) {
    const open = () =>
      PartitionAggregator.open({ dir: join(runDir, 'segments'), partition, plan, segmentBytes });
    let aggregator = await open();
    let from = 0;
    for (const cut of [...cuts, messages.length].sort((a, b) => a - b)) {
      await aggregator.add(messages.slice(from, cut));
      await aggregator.flush();
      aggregator = await open();
      // Less than the cut where the last messages were repeated ones: they are not worth a segment.
      expect(aggregator.nextOffset).toBeLessThanOrEqual(BigInt(cut));
      from = Number(aggregator.nextOffset);
    }
    expect(aggregator.missingBatches()).toEqual([]);
    expect(aggregator.complete).toBe(true);
  }
}

export async function tableHashes(runDir: string): Promise<Record<string, string>> {
  const names = await readdir(runDir, { recursive: true });
  const files = names.filter((name) => name.endsWith('.parquet') && !name.startsWith('segments')).sort();
  const hashes = await Promise.all(
    files.map(async (name) =>
      createHash('sha256')
        .update(await readFile(join(runDir, name)))
        .digest('hex'),
    ),
  );
  return Object.fromEntries(files.map((name, i) => [name, hashes[i]!]));
}

export const commit = (runDir: string, more: Partial<CommitOptions> = {}) =>
  commitRun({ runDir, plan: PLAN, codeVersion: '1', ...more });

export const inOrder = (plan = PLAN, log = LOG) =>
  Array.from({ length: plan.config.stream.partitions }, (_, partition) => received(log, partition));

export async function undisturbed(): Promise<Record<string, string>> {
  const runDir = await freshRun();
  await aggregate(runDir, { partitions: inOrder() });
  await commit(runDir);
  return tableHashes(runDir);
}

export async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
  connection.closeSync();
  instance.closeSync();
  return rows as Record<string, unknown>[];
}
