// The code log on Kafka: one topic per run. The only file that knows kafkajs.

import { randomUUID } from 'node:crypto';
import kafkajs, {
  type Consumer,
  type EachBatchPayload,
  type IHeaders,
  type KafkaConfig,
  type Producer,
} from 'kafkajs';
import { PipelineError } from '#schemas/errors.ts';
import type { MessageKind } from '#schemas/columns/code-message.ts';
import type { CodeLog, CodeMessage, ReceivedMessage } from '../../activities/ports.ts';

const { AssignerProtocol, Kafka, logLevel } = kafkajs;

/** Largest message a topic of ours takes; a batch of very wide codes needs a smaller `stream.batchRows`. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const FETCH_BYTES = 8 * 1024 * 1024;

/** Opens the code log. Connections are made on first use. */
export function kafkaCodeLog(config: KafkaConfig): CodeLog & AsyncDisposable {
  const kafka = new Kafka({ ...config, logLevel: logLevel.NOTHING });
  let current: { readonly topic: string; readonly producer: Promise<Producer> } | null = null;

  /** One producer per topic: one that still knew a finished run's deleted topic would fail on every refresh. */
  function producerOf(topic: string): Promise<Producer> {
    if (current?.topic === topic) return current.producer;
    disconnect();
    const producer = connectProducer(kafka);
    current = { topic, producer };
    producer.catch(() => {
      current = null;
    });
    return producer;
  }

  function disconnect(): Promise<void> | undefined {
    const before = current;
    current = null;
    return before?.producer.then((producer) => producer.disconnect()).catch(() => undefined);
  }

  return {
    createTopic: (topic, options) => guarded(config, () => createTopic(kafka, topic, options)),
    append: (topic, messages) => guarded(config, async () => send(await producerOf(topic), topic, messages)),
    offsets: (topic, partition) => guarded(config, () => offsets(kafka, topic, partition)),
    read: (topic, partition, options) => read(kafka, config, { topic, partition, ...options }),
    deleteTopic: (topic) =>
      guarded(config, () => withAdmin(kafka, (admin) => admin.deleteTopics({ topics: [topic] }))),
    [Symbol.asyncDispose]: async () => disconnect(),
  };
}

async function connectProducer(kafka: kafkajs.Kafka): Promise<Producer> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, idempotent: false });
  await producer.connect();
  return producer;
}

async function withAdmin<T>(kafka: kafkajs.Kafka, use: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

function createTopic(
  kafka: kafkajs.Kafka,
  topic: string,
  { partitions }: { partitions: number },
): Promise<void> {
  const configEntries = [
    { name: 'retention.ms', value: '-1' },
    { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
  ];
  return withAdmin(kafka, async (admin) => {
    // False means that the topic is there already: a resumed run.
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: partitions, replicationFactor: -1, configEntries }],
    });
  });
}

async function offsets(
  kafka: kafkajs.Kafka,
  topic: string,
  partition: number,
): Promise<{ low: bigint; high: bigint }> {
  const all = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  const found = all.find((entry) => entry.partition === partition);
  return { low: BigInt(found?.low ?? 0), high: BigInt(found?.high ?? 0) };
}

async function send(producer: Producer, topic: string, messages: readonly CodeMessage[]): Promise<void> {
  const largest = messages.reduce((most, { value }) => Math.max(most, value.byteLength), 0);
  if (largest > MAX_MESSAGE_BYTES) throw tooLarge(`${largest} bytes`);
  for (const group of requests(messages)) {
    await producer.send({
      topic,
      acks: -1,
      messages: group.map(({ partition, key, value, headers }) => ({
        partition,
        key,
        value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        headers: {
          kind: headers.kind,
          run: headers.run,
          shard: String(headers.shard),
          batch: String(headers.batch),
        },
      })),
    });
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

/**
 * kafkajs has no `assign`: a group of our own whose assigner gives it one partition does the same.
 * Batches wait for the reader, so a slow aggregator slows the fetches and nothing piles up.
 */
async function* read(
  kafka: kafkajs.Kafka,
  config: KafkaConfig,
  { topic, partition, from, signal }: { topic: string; partition: number; from: bigint; signal: AbortSignal },
): AsyncGenerator<readonly ReceivedMessage[]> {
  const consumer = kafka.consumer({
    groupId: `tessera-${topic}-${partition}-${randomUUID()}`,
    partitionAssigners: [onePartition(topic, partition)],
    maxBytesPerPartition: FETCH_BYTES,
    maxWaitTimeInMs: 100,
    sessionTimeout: 60_000,
    retry: { retries: 20, maxRetryTime: 5_000 },
  });
  const handover = new Handover();
  const stop = () => handover.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await guarded(config, () => start(consumer, { topic, partition, from, handover }));
    yield* handover.batches();
  } finally {
    signal.removeEventListener('abort', stop);
    handover.close();
    await consumer.disconnect().catch(() => undefined);
  }
}

async function start(
  consumer: Consumer,
  {
    topic,
    partition,
    from,
    handover,
  }: { topic: string; partition: number; from: bigint; handover: Handover },
): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) handover.fail(payload.error);
  });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => {
      await handover.offer(received(payload));
      const last = payload.batch.messages.at(-1);
      if (last !== undefined) payload.resolveOffset(last.offset);
    },
  });
  consumer.seek({ topic, partition, offset: String(from) });
}

function received({ batch }: EachBatchPayload): ReceivedMessage[] {
  return batch.messages.map((message) => ({
    offset: BigInt(message.offset),
    value: message.value ?? new Uint8Array(0),
    headers: {
      kind: text(message.headers, 'kind') as MessageKind,
      run: text(message.headers, 'run'),
      shard: Number(text(message.headers, 'shard')),
      batch: Number(text(message.headers, 'batch')),
    },
  }));
}

function text(headers: IHeaders | undefined, name: string): string {
  const value = headers?.[name];
  if (value === undefined)
    throw new PipelineError({ kind: 'internal', what: `message without the header ${name}` });
  return String(value);
}

function onePartition(topic: string, partition: number): kafkajs.PartitionAssigner {
  const { MemberAssignment, MemberMetadata } = AssignerProtocol;
  return () => ({
    name: `only-${partition}`,
    version: 1,
    protocol: ({ topics }) => ({
      name: `only-${partition}`,
      metadata: MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
    }),
    assign: async ({ members }) =>
      members.map(({ memberId }) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 1,
          assignment: { [topic]: [partition] },
          userData: Buffer.alloc(0),
        }),
      })),
  });
}

/** Hands one fetched batch at a time from kafkajs's callback to an async iterator. */
class Handover {
  #item: readonly ReceivedMessage[] | null = null;
  #error: Error | null = null;
  #closed = false;
  #wake: () => void = () => undefined;
  #taken: () => void = () => undefined;

  /** Resolves when the reader came back for more. */
  offer(batch: readonly ReceivedMessage[]): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#item = batch;
    this.#wake();
    return new Promise((resolve) => {
      this.#taken = resolve;
    });
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#taken();
    this.#wake();
  }

  async *batches(): AsyncGenerator<readonly ReceivedMessage[]> {
    while (true) {
      while (this.#item === null && this.#error === null && !this.#closed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#error !== null) throw this.#error;
      if (this.#closed) return;
      const item = this.#item!;
      yield item;
      this.#item = null;
      this.#taken();
    }
  }
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
