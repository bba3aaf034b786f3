// One thread of the bare loop: it plans, encodes shards with the product's own parts, aggregates one partition of what
// the encoders hand over, or writes parts of the final tables. No Kafka, no Temporal.

import { join } from 'node:path';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { imagePoints } from '../../activities/polytope/batch-rows.ts';
import type { SweepInput } from '#schemas/messages.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CommitPartInput, CommitPartOutput } from '#schemas/tasks.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { runCommitTask } from '../../infra/aggregate/commit-task.ts';
import { PartitionAggregator } from '../../infra/aggregate/partition-aggregator.ts';
import { batchMessages } from '../../infra/arrow/encode-batch.ts';
import { SEGMENTS_FOLDER } from '../../infra/aggregate/segment-files.ts';
import { openPlan, openReader, openSession } from '../../infra/threads/opened.ts';
import { makePlan } from '../../infra/threads/plan.ts';
import type { Handed, LoopJob, LoopRole } from './bare-loop.ts';

type Job = SweepInput | LoopJob | CommitPartInput;
type AggregateRole = Extract<LoopRole, { kind: 'aggregate' }>;

/** Batches that an encoder may be ahead of the aggregators. */
const AHEAD = 4;

const role = workerData.role as LoopRole;
parentPort!.on('message', (job: Job) => {
  work(job).then((answer) => parentPort!.postMessage(answer ?? 'done'));
});
// Everything that a pool thread loads is loaded before the clock starts.
await Promise.all([import('../../infra/models/onnx.ts'), import('../../infra/datasets/records.ts')]);
parentPort!.postMessage('ready');

async function work(job: Job): Promise<SweepPlan | CommitPartOutput | undefined> {
  if ('config' in job)
    return makePlan(job, { signal: new AbortController().signal, progress: () => undefined });
  if ('part' in job) return commitPart(job);
  await (role.kind === 'encode' ? encode(job, role) : aggregate(job, (role as AggregateRole).partition));
}

async function commitPart({ runDir, configSha256, folder, part }: CommitPartInput) {
  const plan = await openPlan(runDir, configSha256);
  return runCommitTask({ plan, segmentsDir: join(runDir, SEGMENTS_FOLDER), folder, task: part });
}

/** Takes shards off a shared counter until none is left. */
async function encode(job: LoopJob, { next }: { readonly next: Int32Array }): Promise<void> {
  const plan = await openPlan(job.runDir, job.configSha256);
  const [reader, session] = [await openReader(plan), await openSession(plan)];
  const ahead = job.ports.map((port) => new Credits(port));
  for (;;) {
    const shard = plan.shards[Atomics.add(next, 0, 1)];
    if (shard === undefined) break;
    for await (const input of reader.read(shard, { plan, batchRows: plan.batchRows, fromBatch: 0 })) {
      const firstPoint = shard.firstPoint + input.firstSample - shard.firstSample;
      const points = imagePoints(plan, { samples: input.samples, firstPoint, labels: input.labels });
      const encoded = await session.encode(input.input);
      const messages = batchMessages({ plan, shard: shard.shardId, input, points, encoded });
      for (const [partition, credits] of ahead.entries()) {
        await credits.send(messages.filter((message) => message.partition === partition));
      }
    }
  }
  for (const port of job.ports) port.postMessage(null);
}

/** Lets a receiver be a few batches behind, as a broker would; more would only fill memory. */
class Credits {
  #left = AHEAD;
  #wake: () => void = () => undefined;
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', () => {
      this.#left++;
      this.#wake();
    });
  }

  async send(messages: readonly CodeMessage[]): Promise<void> {
    while (this.#left === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#left--;
    const values = new Set(messages.map(({ value }) => value.buffer as ArrayBuffer));
    this.#port.postMessage(messages satisfies Handed, [...values]);
  }
}

/** Aggregates one partition until every encoder has said that it is done. */
async function aggregate({ runDir, configSha256, ports }: LoopJob, partition: number): Promise<void> {
  const plan = await openPlan(runDir, configSha256);
  const aggregator = await PartitionAggregator.open({ dir: join(runDir, SEGMENTS_FOLDER), partition, plan });
  let offset = 0n;
  let queue = Promise.resolve();
  const ended = ports.map(
    (port) =>
      new Promise<void>((resolve) => {
        port.on('message', (handed: Handed) => {
          if (handed === null) return resolve();
          const received = handed.map(({ value, headers }) => ({ value, headers, offset: offset++ }));
          queue = queue.then(async () => {
            await aggregator.add(received);
            port.postMessage('taken');
          });
        });
      }),
  );
  await Promise.all(ended);
  await queue;
  await aggregator.flush();
  for (const port of ports) port.close();
}
