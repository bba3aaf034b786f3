// A made-up experiment whose rows are a function of task, chunk and row, and a log of its messages.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ColumnDef, ColumnType, TableDef } from '#schemas/columns/column.ts';
import { lensConfig } from '#schemas/lens-config.ts';
import type {
  Cell,
  Chunk,
  Conclusion,
  Experiment,
  LensTask,
  TableRows,
} from '../../../activities/experiments/experiment.ts';
import type { ReceivedMessage } from '../../../activities/ports.ts';
import { type LensPlan, measuredTables, partitionOf } from '../../../infra/lens/lens-plan.ts';
import { TaskMessages } from '../../../infra/lens/row-messages.ts';
import { PartitionCollector } from '../../../infra/lens/partition-collector.ts';

const column = (name: string, type: ColumnType, nullable = false): ColumnDef => {
  return { name, type, unit: '', nullable, description: '' };
};
const RUN_ID = column('run_id', 'utf8');

export const SMALL: TableDef = {
  name: 'small_table',
  path: 'small_table.parquet',
  order: 'task, chunk, row',
  description: '',
  columns: [
    column('model', 'utf8'),
    column('task', 'int32'),
    column('chunk', 'int16'),
    column('row', 'int32'),
    column('even', 'bool'),
    column('half', 'float64', true),
    column('digest', 'fixed[16]'),
    RUN_ID,
  ],
};

export const PARTS: TableDef = {
  name: 'parts',
  path: 'parts/',
  order: 'task, chunk, row',
  description: '',
  columns: [column('model', 'utf8'), column('task', 'int32'), column('xs', 'list<float32>', true), RUN_ID],
};

export const CONCLUDED: TableDef = {
  name: 'sums',
  path: 'sums.parquet',
  order: 'one row',
  description: '',
  columns: [column('model', 'utf8'), column('rows', 'int64'), RUN_ID],
};

/** Chunks of a task, rows of a chunk: uneven on purpose, some tasks and chunks are empty. */
export const chunksOf = (task: number) => (task * 5) % 4;
export const rowsOf = (task: number, chunk: number) => (task * 7 + chunk * 11) % 23;

function smallRows(task: number, chunk: number): TableRows {
  const rows = rowsOf(task, chunk);
  const each = <T extends Cell>(make: (row: number) => T) =>
    Array.from({ length: rows }, (_, row) => make(row));
  return {
    table: SMALL.name,
    rows,
    columns: {
      model: each(() => 'trained'),
      task: new Int32Array(rows).fill(task),
      chunk: each(() => chunk),
      row: each((row) => row),
      even: each((row) => row % 2 === 0),
      half: each((row) => (row % 3 === 0 ? null : row / 2)),
      digest: each((row) => new Uint8Array(16).fill(row)),
    },
  };
}

function partRows(task: number, chunk: number): TableRows {
  const rows = chunk === 1 ? 0 : 2;
  return {
    table: PARTS.name,
    rows,
    columns: {
      model: Array.from({ length: rows }, () => 'trained'),
      task: Array.from({ length: rows }, () => task),
      xs: Array.from({ length: rows }, (_, row) => (row === 1 ? null : Float32Array.of(task, chunk))),
    },
  };
}

/** What `conclude` is given and gives back can be watched. */
export interface Watched {
  read: ArrayLike<Cell> | null;
  conclusion: Partial<Conclusion>;
}

export function fakeExperiment(watched: Watched): Experiment {
  return {
    name: 'paths',
    tables: [SMALL, PARTS, CONCLUDED],
    plan: async () => ({ unit: 'things', tasks: [], design: null, points: [], notices: [] }),
    async *measure({ from }: LensTask): AsyncGenerator<Chunk> {
      for (let chunk = 0; chunk < chunksOf(from); chunk++)
        yield { units: 1, rows: [smallRows(from, chunk), partRows(from, chunk), smallRows(from, chunk)] };
    },
    async conclude({ read }) {
      const { rows, columns } = await read(SMALL.name, ['half', 'task']);
      watched.read = columns['half']!;
      const sums = { table: CONCLUDED.name, rows: 1, columns: { model: ['trained'], rows: [rows] } };
      return { claims: [], rows: [sums], notices: ['concluded'], ...watched.conclusion };
    },
  };
}

export const EXPERIMENT = fakeExperiment({ read: null, conclusion: {} });

export function lensPlan({ tasks, partitions }: { tasks: number; partitions: number }): LensPlan {
  const config = lensConfig.parse({
    kind: 'lens',
    experiment: 'paths',
    model: { file: '/m.onnx' },
    dataset: { format: 'npy', data: '/d.npy' },
    stream: { partitions },
  });
  const variant = { kind: 'trained', seed: 0 } as const;
  return {
    runId: 'fake',
    configSha256: 'c0ffee',
    config,
    unit: 'things',
    tasks: Array.from({ length: tasks }, (_, i) => ({ of: 'measurements', variant, from: i, to: i + 1 })),
    design: null,
    points: [],
    coded: null,
    variants: [variant],
    model: {
      file: '/m.onnx',
      sha256: 'aa',
      backend: 'fake/cpu',
      packing: null,
      taps: [],
      text: false,
      exact: true,
      pools: [],
      inputShape: [2],
    },
    data: null,
    skipped: [],
    notices: [],
    topic: 'fake',
  };
}

export type Message = Omit<ReceivedMessage, 'offset'>;

/** Messages of every task, in the order of the plan. */
export async function allMessages(plan: LensPlan, experiment = EXPERIMENT): Promise<Message[]> {
  const log: Message[] = [];
  for (const [number, task] of plan.tasks.entries()) {
    const messages = new TaskMessages(plan, number, measuredTables(experiment));
    const context = {} as Parameters<Experiment['measure']>[1];
    for await (const chunk of experiment.measure(task, context)) log.push(...messages.of(chunk.rows));
    log.push(messages.end());
  }
  return log;
}

/** Each partition's log, with offsets. */
export function logs(plan: LensPlan, messages: readonly Message[]): ReceivedMessage[][] {
  const parts = Array.from({ length: plan.config.stream.partitions }, (): ReceivedMessage[] => []);
  for (const message of messages) {
    const part = parts[partitionOf(message.headers.shard, plan)]!;
    part.push({ value: message.value, headers: message.headers, offset: BigInt(part.length) });
  }
  return parts;
}

export interface Disturbance {
  /** Messages after which the collector dies without a word and another takes over. */
  readonly crashes?: readonly number[];
  /** Messages after which it writes a segment. */
  readonly cuts?: readonly number[];
  readonly segmentBytes?: number;
}

/** Collects every partition into segments below `runDir`. */
export async function collectAll(
  runDir: string,
  {
    plan,
    parts,
    crashes = [],
    cuts = [],
    segmentBytes,
  }: Disturbance & { plan: LensPlan; parts: ReceivedMessage[][] },
): Promise<void> {
  for (const [partition, log] of parts.entries()) {
    const open = () =>
      PartitionCollector.open({
        dir: join(runDir, 'segments'),
        partition,
        plan,
        tables: measuredTables(EXPERIMENT),
        ...(segmentBytes === undefined ? {} : { segmentBytes }),
      });
    const pendingCrashes = new Set(crashes);
    let collector = await open();
    while (collector.nextOffset < BigInt(log.length)) {
      const at = Number(collector.nextOffset);
      await collector.add([log[at]!]);
      if (cuts.includes(at)) await collector.flush();
      if (pendingCrashes.delete(at)) collector = await open();
    }
    await collector.flush();
  }
}

export function freshRun(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'lens-run-'));
}
