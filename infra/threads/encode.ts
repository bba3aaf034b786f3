// Encoding a stretch of shards: data set -> model -> packed codes -> Arrow -> code log, one batch after the other.

import { faultOf, PipelineError } from '#schemas/errors.ts';
import type { EncodeHeartbeat } from '#schemas/messages.ts';
import type { ShardSpec, SweepPlan } from '#schemas/sweep.ts';
import type { EncodeInput, EncodeOutput } from '#schemas/tasks.ts';
import { imagePoints, tokenPoints } from '../../activities/polytope/batch-rows.ts';
import type { CodeMessage, InputBatch } from '../../activities/ports.ts';
import { batchMessages, skippedMessages } from '../arrow/encode-batch.ts';
import { tracing } from '../observability/tracing.ts';
import { openLog, openPlan, openReader, openSession } from './opened.ts';
import { isText } from '../sweep-geometry.ts';
import { readSurvey } from './survey.ts';
import type { TaskContext } from './task-context.ts';

/** Encodes from `task.from` on; returns early with its place when asked to stop. */
export async function encodeTask(
  { runDir, configSha256, task, countedSamples }: EncodeInput,
  context: TaskContext,
): Promise<EncodeOutput> {
  const plan = await openPlan(runDir, configSha256);
  const already = task.again ? new Map<number, number>() : await readSurvey(runDir);
  const sender = new Sender(plan, context, countedSamples);
  const skipped: { shard: number; why: string }[] = [];
  for (let number = task.from.shard; number < task.toShard; number++) {
    const shard = plan.shards[number]!;
    const asked = number === task.from.shard ? task.from.batch : 0;
    const fromBatch = Math.max(asked, already.get(number) ?? 0);
    try {
      await tracing().span('encode shard', { 'tessera.run': plan.runId, 'tessera.shard': number }, () =>
        encodeShard(plan, shard, { fromBatch, sender, signal: context.signal }),
      );
    } catch (error) {
      const why = await skipShard(plan, shard, { error, sender });
      skipped.push({ shard: number, why });
    }
    if (context.signal.aborted) break;
  }
  await sender.drain();
  const done = sender.next ?? task.from;
  const finished = !context.signal.aborted;
  return { from: finished ? { shard: task.toShard, batch: 0 } : done, samples: sender.samples, skipped };
}

async function encodeShard(
  plan: SweepPlan,
  shard: ShardSpec,
  { fromBatch, sender, signal }: { fromBatch: number; sender: Sender; signal: AbortSignal },
): Promise<void> {
  if (fromBatch >= shard.batches) return;
  const reader = await openReader(plan);
  const session = await openSession(plan);
  const text = isText(plan.config);
  let firstPoint = shard.firstPoint;
  // Text: tokens are counted from the shard's start, because only they tell where a batch's points begin.
  const batches = reader.read(shard, { plan, batchRows: plan.batchRows, fromBatch: text ? 0 : fromBatch });
  for await (const input of batches) {
    if (text && input.batch < fromBatch) {
      firstPoint += validTokens(input);
      continue;
    }
    const points = text
      ? tokenPoints({
          lengths: input.tokens!.lengths,
          contextTokens: input.input.dims[1]!,
          firstPoint,
          labels: input.labels,
        })
      : imagePoints(plan, {
          samples: input.samples,
          firstPoint:
            shard.firstPoint + (input.firstSample - shard.firstSample) * (shard.points / shard.samples),
          labels: input.labels,
        });
    const encoded = await session.encode(input.input).catch((error) => {
      throw namingRow(error, input);
    });
    await sender.send(batchMessages({ plan, shard: shard.shardId, input, points, encoded }), shard, input);
    if (text) firstPoint += points.points;
    if (signal.aborted) return;
  }
}

/** Bad input of one shard: with `onError: skip` the log gets empty batches in its place, so that aggregation can end. */
async function skipShard(
  plan: SweepPlan,
  shard: ShardSpec,
  { error, sender }: { error: unknown; sender: Sender },
): Promise<string> {
  const fault = faultOf(error);
  const badData = ['data-missing', 'data-invalid', 'non-finite-input', 'label-mismatch'].includes(fault.kind);
  if (plan.config.dataset.onError !== 'skip' || !badData) throw error;
  await sender.drain();
  const from = sender.next?.shard === shard.shardId ? sender.next.batch : 0;
  for (let batch = from; batch < shard.batches; batch++) {
    await sender.send(skippedMessages(plan, shard.shardId, batch), shard, { batch, samples: 0 });
  }
  return new PipelineError(fault).message;
}

function namingRow(error: unknown, input: InputBatch): unknown {
  if (!(error instanceof PipelineError) || error.fault.kind !== 'non-finite-input') return error;
  const row = Number(error.fault.where?.match(/\d+/)?.[0] ?? Number.NaN);
  const source = input.sourceIds[row];
  return source === undefined ? error : new PipelineError({ ...error.fault, where: source });
}

function validTokens(input: InputBatch): number {
  return input.tokens!.lengths.reduce((sum, length) => sum + length, 0);
}

/** A request is sent when it has so many bytes, or when its first batch has waited so long. */
const REQUEST_BYTES = 1024 * 1024;
const REQUEST_MS = 200;

interface Group {
  readonly messages: CodeMessage[];
  readonly sinceMs: number;
  bytes: number;
  samples: number;
  /** Where to go on when all this is acknowledged. */
  next: Place;
}

type Place = EncodeOutput['from'];

/**
 * Sends batches in order, several a request, one request on the wire while the next is computed, and reports what the
 * broker has acknowledged.
 */
class Sender {
  readonly #plan: SweepPlan;
  readonly #context: TaskContext;
  #onWire: Promise<void> = Promise.resolve();
  #group: Group | null = null;
  /** First batch that the broker has not acknowledged; null before the first. */
  next: Place | null = null;
  samples: number;

  constructor(plan: SweepPlan, context: TaskContext, countedSamples: number) {
    this.samples = countedSamples;
    this.#plan = plan;
    this.#context = context;
  }

  async send(
    messages: readonly CodeMessage[],
    shard: ShardSpec,
    batch: { batch: number; samples: number },
  ): Promise<void> {
    this.#group ??= {
      messages: [],
      sinceMs: performance.now(),
      bytes: 0,
      samples: 0,
      next: { shard: 0, batch: 0 },
    };
    const group = this.#group;
    group.messages.push(...messages);
    for (const { value } of messages) group.bytes += value.byteLength;
    group.samples += batch.samples;
    const last = batch.batch + 1 >= shard.batches;
    group.next = last
      ? { shard: shard.shardId + 1, batch: 0 }
      : { shard: shard.shardId, batch: batch.batch + 1 };
    if (group.bytes >= REQUEST_BYTES || performance.now() - group.sinceMs >= REQUEST_MS)
      await this.#sendGroup();
  }

  /** Resolves when everything is acknowledged. */
  async drain(): Promise<void> {
    await this.#sendGroup();
    await this.#onWire;
  }

  async #sendGroup(): Promise<void> {
    await this.#onWire;
    const group = this.#group;
    this.#group = null;
    if (group === null) return;
    const { topic, runId } = this.#plan;
    const { signal } = this.#context;
    const size = { 'messaging.batch.message_count': group.messages.length, 'tessera.bytes': group.bytes };
    const onWait = () => this.#report({ waits: true });
    this.#onWire = tracing()
      .span('produce', { 'tessera.run': runId, ...size }, () =>
        openLog().append(topic, group.messages, { signal, onWait }),
      )
      .then(() => this.#acknowledged(group));
    // A failure is seen by the next send or by drain; until then it must not count as unhandled.
    this.#onWire.catch(() => undefined);
  }

  #acknowledged({ next, samples }: Group): void {
    this.next = next;
    this.samples += samples;
    this.#report({});
  }

  #report(more: Pick<EncodeHeartbeat, 'waits'>): void {
    // Before the first acknowledgement an earlier attempt's place still holds.
    if (this.next === null) return;
    const beat: EncodeHeartbeat = { at: 'encode', ...this.next, samples: this.samples, ...more };
    this.#context.progress(beat);
  }
}
