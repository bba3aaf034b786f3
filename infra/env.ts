// Variables of the environment become frozen, typed settings or a config-invalid fault. Nothing else reads process.env for
// settings, but for the part of it that a thread needs: kafka-env.ts.

import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '#schemas/errors.ts';
import { checkHostPort, mebibytes, oneOf, textOf, wholeNumber } from './env-values.ts';
import { type KafkaEnv, readKafkaEnv } from './kafka-env.ts';
import { sealed, type Sealed } from './local/sealed.ts';
import { type PayloadKeys, readPayloadKeys } from './payload-codec.ts';
import { readTemporalProfile, type TemporalConnection, type Variables } from './local/temporal-profile.ts';

const TEMPORAL_SOURCES = ['auto', 'path', 'sdk', 'wheel', 'maven'] as const;
const KAFKA_SOURCES = ['auto', 'maven', 'jgo', 'docker'] as const;

/** A worker that has just started takes about 250. */
const LEAST_WORKER_MB = 384;

export type TemporalSource = (typeof TEMPORAL_SOURCES)[number];
export type KafkaSource = (typeof KAFKA_SOURCES)[number];

/** Settings from the environment. Secrets are sealed: they show neither in logs nor in errors. */
export interface Env {
  /** Folder with the local services' data and state. */
  readonly home: string;
  /** Folder with what was downloaded; shared by every clone of one user. */
  readonly cache: string;
  readonly temporal: {
    /** Null where no address is configured: a local server is started. */
    readonly address: string | null;
    readonly namespace: string;
    /** Where a local server's binary may come from; `auto` tries all in order. */
    readonly source: TemporalSource;
    /** TLS, API key and metadata of the configured address. */
    readonly connection: Sealed<Omit<TemporalConnection, 'address'>>;
    /** Keys of what Temporal keeps; empty where it is kept in plain. */
    readonly payloadKeys: PayloadKeys;
  };
  readonly kafka: KafkaEnv & { readonly source: KafkaSource };
  /** Where each worker serves its metrics for Prometheus; null for nowhere. */
  readonly metrics: string | null;
  /** Threads of a worker that encode, one task each. */
  readonly encoders: number;
  /** Resident memory that a worker may take before it is replaced; null for no limit. */
  readonly workerBytes: number | null;
  readonly javaHome: string | null;
  /** The whole environment, for child processes only. */
  readonly variables: Sealed<Variables>;
}

/**
 * Reads and checks every variable that Tessera knows.
 * @param variables - Defaults to this process's own.
 * @throws PipelineError `config-invalid`, naming the variable, its value and what is allowed; never a secret.
 */
export function readEnv(variables: Variables = process.env): Env {
  const packageRoot = dirname(dirname(fileURLToPath(import.meta.url)));
  const text = (name: string) => textOf(variables, name);
  const cacheRoot = text('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  const { address, namespace, connection } = readTemporalProfile(variables);
  if (address !== null) checkHostPort('TEMPORAL_ADDRESS', address);
  return Object.freeze({
    home: resolve(text('TESSERA_HOME') ?? join(packageRoot, '.tessera')),
    cache: resolve(text('TESSERA_CACHE') ?? join(cacheRoot, 'tessera')),
    temporal: Object.freeze({
      address,
      namespace,
      source: oneOf(variables, 'TESSERA_TEMPORAL_FROM', TEMPORAL_SOURCES) ?? 'auto',
      connection,
      payloadKeys: readPayloadKeys(variables),
    }),
    kafka: Object.freeze({
      ...readKafkaEnv(variables),
      source: oneOf(variables, 'TESSERA_KAFKA_FROM', KAFKA_SOURCES) ?? 'auto',
    }),
    metrics: metricsAddress(text('TESSERA_METRICS')),
    encoders:
      wholeNumber(variables, 'TESSERA_ENCODERS', { least: 1, of: 'threads' }) ?? availableParallelism(),
    workerBytes: mebibytes(variables, 'TESSERA_WORKER_MB', { least: LEAST_WORKER_MB }),
    javaHome: text('JAVA_HOME'),
    variables: sealed(Object.freeze({ ...variables })),
  });
}

/**
 * Options for `Connection.connect` and `NativeConnection.connect`.
 * @param localAddress - Used, without TLS, only where no address is configured.
 */
export function temporalConnectionOptions(env: Env, localAddress?: string): TemporalConnection {
  const { address, connection } = env.temporal;
  if (address !== null) return { address, ...connection.reveal() };
  if (localAddress !== undefined) return { address: localAddress };
  throw new PipelineError({
    kind: 'service-unavailable',
    what: 'no Temporal address is known',
    where: 'TEMPORAL_ADDRESS',
    remedy: 'Set TEMPORAL_ADDRESS to host:port, or start local services with `tessera up`.',
  });
}

function metricsAddress(value: string | null): string | null {
  if (value !== null) checkHostPort('TESSERA_METRICS', value);
  return value;
}
