// Whether Temporal and Kafka answer, asked with the clients that the run itself uses.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { Kafka, logLevel } from 'kafkajs';
import { PipelineError } from '#schemas/errors.ts';
import { type Env, temporalConnectionOptions } from '../env.ts';
import { kafkaClientConfig } from '../kafka-env.ts';
import { connectTemporal } from '../temporal-connection.ts';
import { diskFull, ROOM_TO_START_BYTES } from './disk-room.ts';
import { isAlive, type Launch, type ProcessId } from './processes.ts';
import { reasonIn } from './service-log.ts';

const GRPC_NOT_FOUND = 5;
const GRPC_ALREADY_EXISTS = 6;
const ATTEMPT_MS = 5_000;
const CONFIGURED_TIMEOUT_MS = 10_000;
const LOCAL_TIMEOUT_MS = 90_000;

/**
 * Connects to the configured Temporal server.
 * @throws PipelineError `service-unavailable` when it does not answer, `config-invalid` when it lacks the
 * namespace.
 */
export async function checkConfiguredTemporal(env: Env, signal?: AbortSignal): Promise<void> {
  const options = temporalConnectionOptions(env);
  const connection = await untilDeadline(
    () => connectTemporal(options, ATTEMPT_MS),
    CONFIGURED_TIMEOUT_MS,
    signal,
  ).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw new PipelineError({
      kind: 'service-unavailable',
      what: 'the configured Temporal server does not answer',
      where: 'TEMPORAL_ADDRESS',
      value: `${options.address}: ${shortReason(error)}`,
      remedy: 'Check the address, TLS and API key, or unset TEMPORAL_ADDRESS to use a local server.',
    });
  });
  try {
    if ((await hasNamespace(connection, env.temporal.namespace)) !== false) return;
  } finally {
    await connection.close();
  }
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'the Temporal server has no such namespace',
    where: 'TEMPORAL_NAMESPACE',
    value: env.temporal.namespace,
    remedy: 'Create the namespace, or set TEMPORAL_NAMESPACE to one that exists.',
  });
}

/** Asks the configured brokers for their cluster. @throws PipelineError `service-unavailable`. */
export async function checkConfiguredKafka(env: Env, signal?: AbortSignal): Promise<void> {
  const brokers = env.kafka.brokers ?? [];
  await untilDeadline(() => askKafka(env, brokers), CONFIGURED_TIMEOUT_MS, signal).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw new PipelineError({
      kind: 'service-unavailable',
      what: 'the configured Kafka brokers do not answer',
      where: 'KAFKA_BROKERS',
      value: `${brokers.join(',')}: ${shortReason(error)}`,
      remedy:
        'Check the addresses, KAFKA_SSL and KAFKA_SASL_*, or unset KAFKA_BROKERS to use a local broker.',
    });
  });
}

export interface LocalTarget {
  readonly process: ProcessId;
  readonly port: number;
  readonly launch: Launch;
  readonly signal?: AbortSignal;
}

/**
 * Resolves when the local Temporal answers and has the namespace.
 * @throws PipelineError with what the log says last.
 */
export async function localTemporalReady(target: LocalTarget, namespace: string): Promise<void> {
  await localReady('Temporal', target, async () => {
    const connection = await connectTemporal({ address: `127.0.0.1:${target.port}` }, ATTEMPT_MS);
    try {
      // Not true: a server that is still starting answers health before namespaces.
      if ((await hasNamespace(connection, namespace)) === true) return;
      await registerNamespace(connection, namespace);
      throw new Error('namespace was just registered');
    } finally {
      await connection.close();
    }
  });
}

/** Resolves when the local broker leads its own cluster. @throws PipelineError with what the log says last. */
export async function localKafkaReady(target: LocalTarget, env: Env): Promise<void> {
  await localReady('Kafka', target, () => askKafka(env, [`127.0.0.1:${target.port}`]));
}

async function localReady(service: string, target: LocalTarget, ask: () => Promise<void>): Promise<void> {
  const attempt = async () => {
    if (!isAlive(target.process)) throw new Gone();
    await ask();
  };
  await untilDeadline(attempt, LOCAL_TIMEOUT_MS, target.signal).catch(async (error: unknown) => {
    target.signal?.throwIfAborted();
    const why = error instanceof Gone ? 'ended while starting' : 'did not become ready in 90 s';
    const value = (await reasonIn(target.launch.log)) ?? shortReason(error);
    const noRoom = { title: service, leastBytes: ROOM_TO_START_BYTES, value };
    throw (
      (await diskFull(target.launch.cwd, noRoom)) ??
      new PipelineError({
        kind: 'service-unavailable',
        what: `the local ${service} ${why}`,
        where: target.launch.log,
        value,
        remedy: 'See the log; `tessera down` and the same command start it anew.',
      })
    );
  });
}

/** The process is gone, so that waiting has no point. */
class Gone extends Error {}

async function untilDeadline<T>(
  attempt: () => Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Gone || Date.now() > deadline) throw error;
      await sleep(50, undefined, { ...(signal !== undefined && { signal }) });
    }
  }
}

/** Null where the server does not say, as with a key that may run workflows but not describe namespaces. */
async function hasNamespace(connection: Connection, namespace: string): Promise<boolean | null> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return true;
  } catch (error) {
    return isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND ? false : null;
  }
}

async function registerNamespace(connection: Connection, namespace: string): Promise<void> {
  const workflowExecutionRetentionPeriod = msToTs('30 days');
  try {
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== GRPC_ALREADY_EXISTS) throw error;
  }
}

async function askKafka(env: Env, brokers: readonly string[]): Promise<void> {
  const admin = new Kafka({
    ...kafkaClientConfig(env.kafka, brokers),
    clientId: 'tessera-check',
    logLevel: logLevel.NOTHING,
    connectionTimeout: ATTEMPT_MS,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    if (cluster.brokers.length === 0) throw new Error('the cluster has no brokers yet');
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

function shortReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n', 1)[0] ?? '').slice(0, 200);
}
