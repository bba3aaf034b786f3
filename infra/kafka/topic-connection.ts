// Produce and Fetch over kafkajs's connections. Its own producer and consumer build an object per field and copy every byte
// four times (measured: 2.4 s of processor time for the 180 MB of 700,000 rows); and it has no `assign`, so that reading
// one partition took a consumer group.

import kafkajs, { type KafkaConfig } from 'kafkajs';
import Cluster, { type Connection } from 'kafkajs/src/cluster/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import { PipelineError } from '#schemas/errors.ts';
import type { CodeMessage, FetchedMessages } from '../../activities/ports.ts';
import { fetchedRecords, producedAt } from './answers.ts';
import { freeMemory } from '../free-memory.ts';
import { ByteWriter } from './byte-writer.ts';
import { framedSocket } from './framed-socket.ts';
import { readRecordBatches, writeRecordBatch } from './record-batch.ts';

/** The oldest versions that Kafka 4 still speaks, and the newest that 0.11 does. */
const PRODUCE = { apiKey: 0, apiName: 'Produce', apiVersion: 3 } as const;
const FETCH = { apiKey: 1, apiName: 'Fetch', apiVersion: 4 } as const;
type Api = typeof PRODUCE | typeof FETCH;

/** Where a request keeps its number. */
const CORRELATION_AT = 8;
/** Where an answer begins. */
const ANSWER_AT = 8;
const ACKNOWLEDGE_MS = 30_000;
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export interface FetchOptions {
  readonly from: bigint;
  /** The broker waits until so much is there, at most `maxWaitMs`. */
  readonly minBytes: number;
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

/** Connections to the leaders of one topic's partitions; made on first use, and again when they break. */
export class TopicConnection implements AsyncDisposable {
  readonly #config: KafkaConfig;
  readonly #topic: string;
  #cluster: Promise<Cluster> | null = null;
  /** Buffers of requests that were answered. */
  readonly #free: ByteWriter[] = [];
  /** Of the last fetch. */
  #fetched: Buffer | null = null;

  constructor(config: KafkaConfig, topic: string) {
    this.#config = config;
    this.#topic = topic;
  }

  /**
   * Resolves when every replica in sync has the messages. A broken connection may repeat some.
   * @returns the offset behind the last message of each partition.
   */
  async produce(messages: readonly CodeMessage[]): Promise<Map<number, bigint>> {
    return this.#trying(async (cluster) => {
      const byPartition = groupedByPartition(messages);
      const leaders = Object.entries(cluster.findLeaderForPartitions(this.#topic, [...byPartition.keys()]));
      if (leaders.reduce((sum, [, partitions]) => sum + partitions.length, 0) < byPartition.size)
        throw new Error(`a partition of ${this.#topic} has no leader`);
      const ends = new Map<number, bigint>();
      const requests = leaders.map(async ([nodeId, partitions]) => {
        const connection = await connectionTo(cluster, nodeId, PRODUCE);
        const answer = await this.#exchange(connection, PRODUCE, (writer) => {
          writer.int16(-1).int16(-1).int32(ACKNOWLEDGE_MS).int32(1).string(this.#topic);
          writeRecordSets(writer, partitions, byPartition);
        });
        for (const [partition, base] of producedAt(answer))
          ends.set(partition, base + BigInt(byPartition.get(partition)?.length ?? 0));
      });
      await Promise.all(requests);
      return ends;
    });
  }

  /** How far each partition has been read, as its reader noted it; without those that nobody has read yet. */
  readPositions(partitions: readonly number[]): Promise<Map<number, bigint>> {
    const groupId = groupOf(this.#topic);
    return this.#trying(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      const topics = [{ topic: this.#topic, partitions: partitions.map((partition) => ({ partition })) }];
      const { responses } = await coordinator.offsetFetch({ groupId, topics });
      const noted = responses.flatMap((response) => response.partitions);
      return new Map(
        noted.flatMap(({ partition, offset }) => (BigInt(offset) < 0n ? [] : [[partition, BigInt(offset)]])),
      );
    });
  }

  /** Notes how far a partition has been read: Kafka's own tools show it as the lag of a consumer group. */
  noteRead(partition: number, next: bigint): Promise<void> {
    const groupId = groupOf(this.#topic);
    return this.#trying(async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      const topics = [{ topic: this.#topic, partitions: [{ partition, offset: String(next) }] }];
      // As a consumer that chose its partition itself.
      await coordinator.offsetCommit({ groupId, groupGenerationId: -1, memberId: '', topics });
    });
  }

  /** Messages from an offset on; none where the wait ended first. The next fetch frees their values. */
  fetch(partition: number, { from, minBytes, maxWaitMs, maxBytes }: FetchOptions): Promise<FetchedMessages> {
    if (this.#fetched !== null) freeAnswer(this.#fetched);
    this.#fetched = null;
    return this.#trying(async (cluster) => {
      const [nodeId] = Object.keys(cluster.findLeaderForPartitions(this.#topic, [partition]));
      if (nodeId === undefined) throw new Error(`partition ${partition} of ${this.#topic} has no leader`);
      const connection = await connectionTo(cluster, nodeId, FETCH);
      const answer = await this.#exchange(connection, FETCH, (writer) => {
        writer.int32(-1).int32(maxWaitMs).int32(minBytes).int32(maxBytes).int8(0);
        writer.int32(1).string(this.#topic).int32(1).int32(partition).int64(from).int32(maxBytes);
      });
      this.#fetched = answer;
      const { records, high } = fetchedRecords(answer);
      return { messages: readRecordBatches(records, { from }), high };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const before = this.#cluster;
    this.#cluster = null;
    await before?.then((cluster) => cluster.disconnect()).catch(() => undefined);
  }

  /** Tries again, over new connections, while kafkajs holds that it may help. */
  async #trying<T>(act: (cluster: Cluster) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#cluster ??= open(this.#config, this.#topic);
        return await act(await this.#cluster);
      } catch (error) {
        await this[Symbol.asyncDispose]();
        if (isForGood(error) || attempt >= ATTEMPTS) throw error;
        const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  /** Sends one request; the answer is without its correlation number. */
  async #exchange(connection: Connection, api: Api, write: (writer: ByteWriter) => void): Promise<Buffer> {
    const writer = this.#free.pop() ?? new ByteWriter();
    writer.length = 0;
    writer.int32(0).int16(api.apiKey).int16(api.apiVersion).int32(0).string(connection.clientId);
    write(writer);
    writer.patchInt32(writer.length - 4, 0);
    const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
      const correlationId = connection.nextCorrelationId();
      writer.patchInt32(correlationId, CORRELATION_AT);
      connection.requestQueue.push({
        entry: { ...api, correlationId, resolve, reject },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => connection.socket.write(writer.bytes),
      });
      // Or kafkajs would copy the answer behind the nothing that the last one left.
      if (connection.bytesBuffered === 0) connection.chunks = [];
    });
    // Only now: a request that failed may still be on its way out.
    this.#free.push(writer);
    return payload;
  }
}

/** Frees an answer that fills its memory behind size and correlation number: another may share it with others. */
function freeAnswer({ buffer, byteOffset, byteLength }: Buffer): void {
  if (byteOffset === ANSWER_AT && byteOffset + byteLength === buffer.byteLength)
    freeMemory([new Uint8Array(buffer)]);
}

/** Whether trying again cannot help. kafkajs takes a group's coordinator that is not back yet for one that never comes. */
export function isForGood(error: unknown): boolean {
  const { name, retriable } = error as { readonly name?: string; readonly retriable?: boolean };
  if (error instanceof PipelineError) return true;
  return retriable === false && name !== 'KafkaJSGroupCoordinatorNotFound';
}

async function open(config: KafkaConfig, topic: string): Promise<Cluster> {
  const logger = loggers.createLogger({ level: kafkajs.logLevel.NOTHING, logCreator: () => () => undefined });
  const cluster = new Cluster({
    clientId: 'tessera',
    connectionTimeout: 1000,
    // A broker that restarts is waited for.
    retry: { retries: 7, maxRetryTime: 5_000 },
    ...config,
    logger,
    socketFactory: framedSocket,
    allowAutoTopicCreation: false,
  });
  try {
    await cluster.connect();
    await cluster.addTargetTopic(topic);
    return cluster;
  } catch (error) {
    await cluster.disconnect().catch(() => undefined);
    throw error;
  }
}

async function connectionTo(cluster: Cluster, nodeId: string, { apiKey }: Api): Promise<Connection> {
  const broker = await cluster.findBroker({ nodeId });
  const connection = await broker.connectionPool.getConnectionByRequest({ request: { apiKey } });
  if (!connection.isAuthenticated()) await connection.authenticate();
  return connection;
}

function groupedByPartition(messages: readonly CodeMessage[]): Map<number, CodeMessage[]> {
  const groups = new Map<number, CodeMessage[]>();
  for (const message of messages) {
    const group = groups.get(message.partition);
    if (group === undefined) groups.set(message.partition, [message]);
    else group.push(message);
  }
  return groups;
}

/** partitions [index int32, records bytes] */
function writeRecordSets(
  writer: ByteWriter,
  partitions: readonly number[],
  byPartition: ReadonlyMap<number, readonly CodeMessage[]>,
): void {
  writer.int32(partitions.length);
  for (const partition of partitions) {
    const at = writer.int32(partition).length;
    writeRecordBatch(writer.int32(0), byPartition.get(partition)!, { timeMs: Date.now() });
    writer.patchInt32(writer.length - at - 4, at);
  }
}

/** One group for each topic. */
function groupOf(topic: string): string {
  return `${topic}.aggregators`;
}
