// Encoding a stretch of shards: data set -> model -> packed codes -> Arrow -> code log, one batch after the other.

import { describeFault } from '#schemas/errors.ts';
import type { EncodeHeartbeat } from '#schemas/messages.ts';
import type { ShardSpec, SweepPlan } from '#schemas/sweep.ts';
import type { EncodeInput, EncodeOutput } from '#schemas/tasks.ts';
import { type BatchPoints, imagePoints, tokenPoints } from '../../activities/polytope/batch-rows.ts';
import { keptSamples } from '../../activities/polytope/kept-samples.ts';
import type { CodeMessage, EncoderSession, InputBatch, SkippedSample } from '../../activities/ports.ts';
import { batchMessages, skippedMessages } from '../arrow/encode-batch.ts';
import { isBadFile } from '../datasets/faults.ts';
import { freeMemory } from '../free-memory.ts';
import { tracing } from '../observability/tracing.ts';
import { namingRow } from './naming-row.ts';
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
      const left = await tracing().span(
        'encode shard',
        { 'tessera.run': plan.runId, 'tessera.shard': number },
        () => encodeShard(plan, shard, { fromBatch, sender, signal: context.signal }),
      );
      if (left.length > 0) skipped.push({ shard: number, why: whyLeft(left) });
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

/** @returns samples that could not be read and were left out. */
async function encodeShard(
  plan: SweepPlan,
  shard: ShardSpec,
  { fromBatch, sender, signal }: { fromBatch: number; sender: Sender; signal: AbortSignal },
): Promise<SkippedSample[]> {
  const left: SkippedSample[] = [];
  if (fromBatch >= shard.batches) return left;
  const reader = await openReader(plan);
  const session = await openSession(plan);
  const text = isText(plan.config);
  let firstPoint = shard.firstPoint;
  // Text: tokens are counted from the shard's start, because only they tell where a batch's points begin.
  const batches = reader.read(shard, { plan, batchRows: plan.batchRows, fromBatch: text ? 0 : fromBatch });
  for await (const whole of batches) {
    if (text && whole.batch < fromBatch) {
      firstPoint += validTokens(whole);
      continue;
    }
    const { batch: input, numbers } = keptSamples(whole);
    left.push(...(whole.skipped ?? []));
    const points = text ? textPoints(input, firstPoint) : samplePoints(plan, shard, { input, numbers });
    await sender.send(await messagesOf({ plan, shard, session, input, points }), shard, whole);
    if (text) firstPoint += points.points;
    if (signal.aborted) break;
  }
  return left;
}

async function messagesOf({
  plan,
  shard,
  session,
  input,
  points,
}: {
  readonly plan: SweepPlan;
  readonly shard: ShardSpec;
  readonly session: EncoderSession;
  readonly input: InputBatch;
  readonly points: BatchPoints;
}): Promise<CodeMessage[]> {
  if (input.samples === 0) return skippedMessages(plan, shard.shardId, input.batch);
  const encoded = await session.encode(input.input).catch((error) => {
    throw namingRow(error, input);
  });
  return batchMessages({ plan, shard: shard.shardId, input, points, encoded });
}

function textPoints({ tokens, input, labels }: InputBatch, firstPoint: number): BatchPoints {
  return tokenPoints({ lengths: tokens!.lengths, contextTokens: input.dims[1]!, firstPoint, labels });
}

function samplePoints(
  plan: SweepPlan,
  shard: ShardSpec,
  { input, numbers }: { readonly input: InputBatch; readonly numbers: Int32Array | null },
): BatchPoints {
  const { samples, labels, firstSample } = input;
  const firstPoint = shard.firstPoint + (firstSample - shard.firstSample) * (shard.points / shard.samples);
  return imagePoints(plan, { samples, firstPoint, labels, numbers });
}

/** One line for all of them: runs carry their lines from execution to execution. */
function whyLeft([first, ...others]: readonly SkippedSample[]): string {
  return `${first!.why}${others.length === 0 ? '' : `; and ${others.length} more of the shard's samples`}`;
}

/** Bad input of one shard: with `onError: skip` the log gets empty batches in its place, so that aggregation can end. */
async function skipShard(
  plan: SweepPlan,
  shard: ShardSpec,
  { error, sender }: { error: unknown; sender: Sender },
): Promise<string> {
  if (plan.config.dataset.onError !== 'skip' || !isBadFile(error)) throw error;
  await sender.drain();
  const from = sender.next?.shard === shard.shardId ? sender.next.batch : 0;
  for (let batch = from; batch < shard.batches; batch++) {
    await sender.send(skippedMessages(plan, shard.shardId, batch), shard, { batch, samples: 0 });
  }
  return `${describeFault(error.fault)}; batches ${from} to ${shard.batches - 1} of shard ${shard.shardId} were left out`;
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

  #acknowledged({ messages, next, samples }: Group): void {
    freeMemory(messages.map(({ value }) => value));
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
