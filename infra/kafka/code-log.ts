// The code log on Kafka: one topic per run.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type KafkaConfig } from 'kafkajs';
import { PipelineError } from '#schemas/errors.ts';
import type { CodeLog, CodeMessage } from '../../activities/ports.ts';
import { LagGate } from './lag-gate.ts';
import { readLog } from './log-reader.ts';
import { TopicConnection } from './topic-connection.ts';

const { Kafka, logLevel } = kafkajs;

/** Largest message a topic of ours takes; a batch of very wide codes needs a smaller `stream.batchRows`. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** A new topic is there after some milliseconds; a broker that restarts takes some seconds. */
const SOON = { initialRetryTime: 10, retries: 9 } as const;
/** What a broker says that does not lead a partition yet, or no longer. */
const SETTLING: readonly unknown[] = ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'];

/** A connection to one topic, and what was written over it. */
interface Writer {
  readonly topic: string;
  readonly connection: TopicConnection;
  readonly gate: LagGate;
}

/** Opens the code log. Connections are made on first use. */
export function kafkaCodeLog(
  config: KafkaConfig,
  { maxLagBytes }: { readonly maxLagBytes: number },
): CodeLog & AsyncDisposable {
  const kafka = new Kafka({ ...config, logLevel: logLevel.NOTHING });
  const offsets = offsetsTogether((topic) => allOffsets(kafka, topic));
  let current: Writer | null = null;

  /** One connection per topic: one that still knew a finished run's deleted topic would fail on every refresh. */
  function writerOf(topic: string): Writer {
    if (current?.topic === topic) return current;
    disconnect();
    current = { topic, connection: new TopicConnection(config, topic), gate: new LagGate(maxLagBytes) };
    return current;
  }

  async function disconnect(): Promise<void> {
    const before = current;
    current = null;
    await before?.connection[Symbol.asyncDispose]();
  }

  return {
    createTopic: (topic, options) =>
      guarded(config, async () => {
        await createTopic(kafka, topic, options);
        await offsets(topic, 0);
      }),
    append: (topic, messages, options) => guarded(config, () => send(writerOf(topic), messages, options)),
    offsets: (topic, partition) => guarded(config, () => offsets(topic, partition)),
    read: (topic, partition, options) =>
      readLog(new TopicConnection(config, topic), {
        topic,
        partition,
        ...options,
        offsets: () => offsets(topic, partition),
        guard: (act) => guarded(config, act),
      }),
    deleteTopic: (topic) =>
      guarded(config, () => withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }))),
    [Symbol.asyncDispose]: disconnect,
  };
}

async function withAdmin<T>(kafka: kafkajs.Kafka, use: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin({ retry: SOON });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function createTopic(
  kafka: kafkajs.Kafka,
  topic: string,
  { partitions }: { partitions: number },
): Promise<void> {
  const configEntries = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'retention.ms', value: '-1' },
    { name: 'retention.bytes', value: '-1' },
    { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
    { name: 'compression.type', value: 'producer' },
  ];
  await withAdmin(kafka, async (admin) => {
    // False means that the topic is there already: a resumed run. kafkajs would wait for leaders 100 ms at the least.
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: -1, configEntries }],
    });
  });
}

/** First and next offset of a partition. */
interface Offsets {
  readonly low: bigint;
  readonly high: bigint;
}

/** Of every partition that the topic has. */
async function allOffsets(kafka: kafkajs.Kafka, topic: string): Promise<ReadonlyMap<number, Offsets>> {
  const all = await onceLed(() => withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic)));
  return new Map(
    all.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]),
  );
}

/**
 * Asks once for what is wanted of one topic in the same turn of the event loop: kafkajs tells of all partitions at a time, over a
 * connection of its own, so that a thousand questions about a thousand partitions would bring a broker to its knees.
 * @param ask - called after the last of the questions that its answer serves.
 */
export function offsetsTogether(
  ask: (topic: string) => Promise<ReadonlyMap<number, Offsets>>,
): (topic: string, partition: number) => Promise<Offsets> {
  const coming = new Map<string, Promise<ReadonlyMap<number, Offsets>>>();
  return async (topic, partition) => {
    let all = coming.get(topic);
    if (all === undefined) {
      all = nextTurn().then(() => {
        coming.delete(topic);
        return ask(topic);
      });
      coming.set(topic, all);
    }
    return (await all).get(partition) ?? { low: 0n, high: 0n };
  };
}

/** Asks again, over a new connection, while partitions change their leaders. */
async function onceLed<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!SETTLING.includes((error as { type?: string }).type) || attempt >= SOON.retries) throw error;
      await sleep(SOON.initialRetryTime * 2 ** attempt);
    }
  }
}

async function send(
  { connection, gate }: Writer,
  messages: readonly CodeMessage[],
  options: { readonly signal: AbortSignal; readonly onWait?: () => void },
): Promise<void> {
  const largest = messages.reduce((most, { value }) => Math.max(most, value.byteLength), 0);
  if (largest > MAX_MESSAGE_BYTES) throw tooLarge(`${largest} bytes`);
  const ask = (partitions: readonly number[]) => connection.readPositions(partitions);
  for (const group of requests(messages)) {
    const partitions = [...new Set(group.map(({ partition }) => partition))];
    await gate.pass(partitions, { ask, signal: options.signal, onWait: options.onWait });
    gate.wrote(group, await connection.produce(group));
  }
}

/** Cuts a batch's messages, in order, into requests that a broker takes. */
function* requests(messages: readonly CodeMessage[]): Generator<readonly CodeMessage[]> {
  let group: CodeMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (group.length > 0 && bytes + message.value.byteLength > MAX_MESSAGE_BYTES) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(message);
    bytes += message.value.byteLength;
  }
  if (group.length > 0) yield group;
}

function tooLarge(value: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    where: 'stream.batchRows',
    what: 'one batch of codes is larger than the broker takes',
    value,
    remedy:
      'Choose a smaller stream.batchRows or codes.wideSpanBytes, or raise message.max.bytes of the broker.',
  });
}

/** Turns what kafkajs throws into a fault that says which brokers were tried. */
async function guarded<T>(config: KafkaConfig, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    const name = (error as Error).name;
    if (name === 'KafkaJSProtocolError' && /larger than|too large/i.test(what)) throw tooLarge(what);
    const where = Array.isArray(config.brokers) ? config.brokers.join(', ') : 'brokers';
    throw new PipelineError(
      {
        kind: 'service-unavailable',
        where: `Kafka at ${where}`,
        what,
        remedy: 'Start it (tessera up) or set KAFKA_BROKERS; the same command resumes.',
      },
      { cause: error },
    );
  }
}
