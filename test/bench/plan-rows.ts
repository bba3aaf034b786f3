// What a run of very many rows needs, and what would break first: the bookkeeping is run for real at the full count (plan,
// workflow state with continue-as-new, batches seen by an aggregator), the rest is computed from measured bytes and seconds a
// row and from the constants of the code. node --import tsx test/bench/plan-rows.ts [--rows 1e9] [--code-bytes 64] ...

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SweepState } from '../../workflows/sweep-state.ts';
import type { PlanOutput } from '#schemas/tasks.ts';
import type { ShardSpec, SweepPlan } from '#schemas/sweep.ts';
import { FAN_IN, segmentsLeft } from '../../infra/aggregate/compact-segments.ts';
import { expectedCount, SeenBatches } from '../../infra/aggregate/seen-batches.ts';
import { cutShards } from '../../infra/datasets/shards.ts';
import { formatTable } from '../../infra/cli/format.ts';
import { PART_GROUPS } from '../../infra/parquet/part-files.ts';
import { groupRowsOf, ROW_GROUP_ROWS } from '../../infra/parquet/parquet-file.ts';
import { LIMITS } from '../../temporal.config.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1e9' },
    'shard-rows': { type: 'string', default: '4096' },
    'batch-rows': { type: 'string', default: '1024' },
    partitions: { type: 'string', default: '64' },
    machines: { type: 'string', default: '16' },
    cores: { type: 'string', default: '16' },
    'code-bytes': { type: 'string', default: '64' },
    spans: { type: 'string', default: '2' },
    /** Rows a second of one encoding thread: `scale-out.bench.ts`, or `packing.bench.ts` for the model at hand. */
    encode: { type: 'string', default: '50000' },
    /** Points a second that one thread aggregates, and commits: README, `aggregate`. */
    aggregate: { type: 'string', default: '150000' },
    'core-hour': { type: 'string', default: '0.05' },
    'gb-month': { type: 'string', default: '0.10' },
  },
});
const asked = Object.fromEntries(Object.entries(values).map(([key, text]) => [key, Number(text)])) as Record<
  keyof typeof values,
  number
>;
/** Measured: `worker-memory.bench.ts`, 5 million rows of 64-byte codes; a region is its code, digest, counts and exemplars. */
const BYTES = { message: 40, segmentRow: 60, regionRow: 24, pointRow: 24 };
/** `partition-aggregator.ts`: memory of an aggregator before it writes a segment. */
const SEGMENT_BYTES = Math.max(16, 64 / asked.partitions) * 2 ** 20;
/** A file's footer and one row group of a segment's columns, decoded, as a merge holds of each segment. */
const OPEN_SEGMENT_BYTES =
  groupRowsOf('segment', asked['code-bytes']) * (asked['code-bytes'] + BYTES.segmentRow) + 50_000;
const OPEN_FILE_MS = 1;
/** Server limits of Temporal. */
const MOST_EVENTS = 51_200;
const MOST_PAYLOAD_BYTES = 2 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const shards = simulatePlan();
const plan = { shards, config: { stream: { partitions: asked.partitions } } } as unknown as SweepPlan;
simulateWorkflow(plan);
simulateAggregator(plan);
computeRest();

function simulatePlan(): ShardSpec[] {
  const started = performance.now();
  const cut = cutShards(
    { from: 0, to: asked.rows },
    {
      shardRows: asked['shard-rows'],
      batchRows: asked['batch-rows'],
      locate: ({ from, to }) => ({ images: { file: 0, from, to }, labels: { file: 0, from, to } }),
    },
  );
  const cutMs = performance.now() - started;
  const text = JSON.stringify(cut);
  const parsing = performance.now();
  JSON.parse(text);
  print('plan (run for real)', [
    ['shards', count(cut.length)],
    ['batches', count(cut.reduce((sum, { batches }) => sum + batches, 0))],
    ['cut in', seconds(cutMs / 1000)],
    ['plan.json', bytes(text.length)],
    ['read by every thread in', seconds((performance.now() - parsing) / 1000)],
    ['point ids, of 2^31', percent(asked.rows / 2 ** 31)],
  ]);
  return cut;
}

/** The reducer that the workflow runs, over every task, with a restart now and then, through every continue-as-new. */
function simulateWorkflow({ shards: planned }: Pick<SweepPlan, 'shards'>): void {
  const started = performance.now();
  const output: PlanOutput = {
    shards: planned.length,
    samples: asked.rows,
    points: asked.rows,
    partitions: asked.partitions,
    notices: [],
    alreadySamples: 0,
  };
  let state = new SweepState({ runId: 'plan', startedAtMs: 0, carried: undefined });
  state.planned(output);
  const found = { tasks: 0, executions: 1, carriedBytes: 0, mostEvents: 0, samples: 0 };
  let events = 0;
  for (let task = state.take(); task !== null; task = state.take()) {
    const [from, to] = [planned[task.from.shard]!.firstSample, planned[task.toShard - 1]!];
    const samples = to.firstSample + to.samples - from;
    state.completed(task, {
      attempt: 1 + (found.tasks++ % 100 === 0 ? 1 : 0),
      from: { shard: task.toShard, batch: 0 },
      samples,
      skipped: [],
    });
    found.samples += samples;
    // Scheduled, started, completed; and the workflow task that each completion wakes, three events more.
    events += 6;
    found.mostEvents = Math.max(found.mostEvents, events);
    if (!state.historyIsLong) continue;
    const carried = state.carry();
    found.carriedBytes = Math.max(found.carriedBytes, JSON.stringify(carried).length);
    found.executions++;
    events = 10 + 6 * asked.partitions;
    state = new SweepState({ runId: 'plan', startedAtMs: 0, carried });
    state.planned(output);
  }
  if (found.samples !== asked.rows || !state.allDone)
    throw new Error(`tasks hold ${found.samples} rows of ${asked.rows}`);
  const lost = JSON.stringify(planned.map(({ shardId }) => shardId)).length;
  print('workflow (run for real)', [
    ['encode activities', count(found.tasks)],
    ['executions (continue-as-new)', count(found.executions)],
    ['events of one history, at most', `${count(found.mostEvents)} of ${count(MOST_EVENTS)}`],
    ['carried state, at most', `${bytes(found.carriedBytes)} of ${bytes(LIMITS.payloadBytes)}`],
    ['answer "every shard is missing"', `${bytes(lost)} of ${bytes(MOST_PAYLOAD_BYTES)}`],
    ['bookkeeping took', seconds((performance.now() - started) / 1000)],
  ]);
}

/** One partition's watermarks, filled as its aggregator fills them, cut into segments, and read back as after a crash. */
function simulateAggregator(planned: SweepPlan): void {
  const before = heapBytes();
  const started = performance.now();
  const seen = new SeenBatches();
  const partition = 0;
  const expected = expectedCount(planned, partition);
  const perSegment = Math.ceil(expected / segmentsOfPartition());
  let fresh = new SeenBatches();
  let noteBytes = 0;
  const notes: ReturnType<SeenBatches['ranges']>[] = [];
  for (const { shardId: shard, batches } of planned.shards) {
    const kinds = shard % asked.partitions === partition ? ['codes', 'points', 'units'] : ['codes'];
    for (const kind of kinds)
      for (let batch = 0; batch < batches; batch++) {
        seen.add({ kind, shard, batch });
        fresh.add({ kind, shard, batch });
      }
    if (fresh.size < perSegment) continue;
    notes.push(fresh.ranges());
    noteBytes = Math.max(noteBytes, JSON.stringify(notes.at(-1)).length);
    fresh = new SeenBatches();
  }
  notes.push(fresh.ranges());
  const restored = new SeenBatches();
  const restoring = performance.now();
  for (const note of notes) restored.addRanges(note);
  if (seen.size !== expected || restored.size !== expected) throw new Error('the watermarks lost messages');
  print('one aggregator (run for real)', [
    ['messages of a partition', count(expected)],
    ['watermarks in memory, with their copy', bytes(heapBytes() - before)],
    ['segments', count(notes.length)],
    ['note of one segment, at most', bytes(noteBytes)],
    ['filled in', seconds((restoring - started) / 1000)],
    ['restored after a crash in', seconds((performance.now() - restoring) / 1000)],
  ]);
}

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function segmentsOfPartition(): number {
  const perRow = asked.spans * (asked['code-bytes'] + BYTES.segmentRow);
  return Math.max(1, Math.ceil((asked.rows * perRow) / asked.partitions / SEGMENT_BYTES));
}

function computeRest(): void {
  const { rows, partitions, spans, machines, cores } = asked;
  const segments = segmentsOfPartition() * partitions;
  const parts = Math.ceil(rows / (PART_GROUPS * ROW_GROUP_ROWS));
  const kafka = rows * spans * (asked['code-bytes'] + BYTES.message);
  const tables = rows * (spans * (BYTES.regionRow + asked['code-bytes']) + BYTES.pointRow);
  const encoding = rows / (asked.encode * machines * cores);
  const aggregating = (rows * spans) / (asked.aggregate * Math.min(partitions, machines * cores));
  const committing = (rows * spans) / (asked.aggregate * 2);
  const left = segmentsLeft(partitions);
  const passes = passesOf(segmentsOfPartition(), left);
  const open = Math.min(segments, left * partitions);
  const opens = (parts + spans) * open;
  const merging = (passes * rows * spans) / asked.aggregate;
  const machineHours = (machines * Math.max(encoding, aggregating) + merging + committing) / 3600;
  print('storage (computed)', [
    ['Kafka, one copy; retention must outlast the run', bytes(kafka)],
    ['Kafka, each partition', bytes(kafka / partitions)],
    [`segments of ${bytes(SEGMENT_BYTES)}`, count(segments)],
    ['part files of points, of regions at most', `${count(parts)}, ${count(parts * spans)}`],
    ['one part file of points', bytes(PART_GROUPS * ROW_GROUP_ROWS * BYTES.pointRow)],
    ['tables', bytes(tables)],
  ]);
  print('time and cost (computed)', [
    [`encoding, ${machines} machines of ${cores} cores`, seconds(encoding)],
    ['aggregating', seconds(aggregating)],
    [`merging segments, ${passes} passes of one thread on one machine`, seconds(merging)],
    ['committing, two parts at a time on one machine', seconds(committing)],
    ['processor cost', `$${(cores * machineHours * asked['core-hour']).toFixed(2)}`],
    [
      'storage cost of a month (three copies of the log for a day)',
      `$${storageCost(kafka, tables).toFixed(2)}`,
    ],
  ]);
  print('what breaks first (computed)', [
    ['merged segments that the commit has open at once', count(open)],
    ['memory of that, each of two parts at a time', bytes(open * OPEN_SEGMENT_BYTES)],
    [
      'files opened by all parts',
      `${count(opens)}: ${seconds((opens * OPEN_FILE_MS) / 1000)} at ${OPEN_FILE_MS} ms`,
    ],
  ]);
}

/** How often every row is merged before a partition has so few segments. */
function passesOf(segments: number, left: number): number {
  return segments <= left ? 0 : 1 + passesOf(Math.ceil(segments / FAN_IN), left);
}

function storageCost(kafka: number, tables: number): number {
  return ((tables + (3 * kafka) / 30) / 1e9) * asked['gb-month'];
}

function print(title: string, rows: readonly (readonly [string, string])[]): void {
  console.log(`\n${title}`);
  for (const line of formatTable([{ title: '' }, { title: '', align: 'right' }], rows)) console.log(line);
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
  return `${(value / 1000 ** power).toPrecision(3)} ${units[power]}`;
}

function seconds(value: number): string {
  if (value < 120) return `${value.toPrecision(2)} s`;
  return value < 7200 ? `${(value / 60).toFixed(0)} min` : `${(value / 3600).toFixed(1)} h`;
}
