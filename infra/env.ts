// The one place that reads process.env: variables become frozen, typed settings or a config-invalid fault.

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KafkaConfig } from 'kafkajs';
import { PipelineError } from '#schemas/errors.ts';
import { sealed, type Sealed } from './local/sealed.ts';
import { readTemporalProfile, type TemporalConnection, type Variables } from './local/temporal-profile.ts';

const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const TEMPORAL_SOURCES = ['auto', 'path', 'sdk', 'wheel'] as const;
const KAFKA_SOURCES = ['auto', 'maven', 'jgo', 'docker'] as const;

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
  };
  readonly kafka: {
    /** Null where no brokers are configured: a local broker is started. */
    readonly brokers: readonly string[] | null;
    readonly source: KafkaSource;
    readonly client: Sealed<Pick<KafkaConfig, 'ssl' | 'sasl'>>;
  };
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
    }),
    kafka: Object.freeze({
      brokers: readBrokers(variables),
      source: oneOf(variables, 'TESSERA_KAFKA_FROM', KAFKA_SOURCES) ?? 'auto',
      client: sealed({ ...readSsl(variables), ...readSasl(variables) }),
    }),
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

/**
 * Options for `new Kafka(...)`: TLS and SASL apply to configured brokers only, a local broker has neither.
 */
export function kafkaClientConfig(
  env: Env,
  brokers: readonly string[],
): Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'> {
  const security = env.kafka.brokers === null ? {} : env.kafka.client.reveal();
  return { brokers: [...brokers], ...security };
}

function textOf(variables: Variables, name: string): string | null {
  const value = variables[name]?.trim();
  return value === undefined || value === '' ? null : value;
}

function invalid(name: string, value: string | null, allowed: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'the environment variable has a value that is not allowed',
    where: name,
    ...(value === null ? {} : { value: JSON.stringify(value.slice(0, 200)) }),
    remedy: `Allowed: ${allowed}.`,
  });
}

function oneOf<T extends string>(variables: Variables, name: string, allowed: readonly T[]): T | null {
  const value = textOf(variables, name);
  if (value === null) return null;
  const found = allowed.find((one) => one === value.toLowerCase());
  if (found === undefined) throw invalid(name, value, allowed.join(', '));
  return found;
}

function checkHostPort(name: string, value: string): void {
  const match = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))$/.exec(value);
  const port = Number(match?.[1]);
  if (match === null || port < 1 || port > 65535)
    throw invalid(name, value, 'host:port with a port from 1 to 65535');
}

function readBrokers(variables: Variables): readonly string[] | null {
  const value = textOf(variables, 'KAFKA_BROKERS');
  if (value === null) return null;
  const brokers = value.split(',').map((broker) => broker.trim());
  for (const broker of brokers) checkHostPort('KAFKA_BROKERS', broker);
  return Object.freeze(brokers);
}

function readSsl(variables: Variables): Pick<KafkaConfig, 'ssl'> {
  const flag = oneOf(variables, 'KAFKA_SSL', ['true', 'false', '1', '0']);
  const ca = readPem(variables, 'KAFKA_SSL_CA');
  const cert = readPem(variables, 'KAFKA_SSL_CERT');
  const key = readPem(variables, 'KAFKA_SSL_KEY');
  if ((cert === null) !== (key === null)) {
    const missing = cert === null ? 'KAFKA_SSL_CERT' : 'KAFKA_SSL_KEY';
    throw invalid(missing, null, 'KAFKA_SSL_CERT and KAFKA_SSL_KEY are set together, or neither');
  }
  const files = { ...(ca && { ca: [ca] }), ...(cert && { cert }), ...(key && { key }) };
  const anyFile = Object.keys(files).length > 0;
  const off = flag === 'false' || flag === '0';
  if (off && anyFile)
    throw invalid('KAFKA_SSL', flag, 'true or unset while KAFKA_SSL_CA or KAFKA_SSL_CERT is set');
  if (anyFile) return { ssl: files };
  return flag === null || off ? {} : { ssl: true };
}

function readPem(variables: Variables, name: string): string | null {
  const file = textOf(variables, name);
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw invalid(
      name,
      file,
      `a readable PEM file (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`,
    );
  }
}

function readSasl(variables: Variables): Pick<KafkaConfig, 'sasl'> {
  const mechanism = oneOf(variables, 'KAFKA_SASL_MECHANISM', SASL_MECHANISMS);
  const username = textOf(variables, 'KAFKA_SASL_USERNAME');
  const password = variables.KAFKA_SASL_PASSWORD ?? '';
  if (mechanism === null) {
    if (username !== null || password !== '') {
      throw invalid(
        'KAFKA_SASL_MECHANISM',
        null,
        `one of ${SASL_MECHANISMS.join(', ')} when a SASL user is set`,
      );
    }
    return {};
  }
  if (username === null) throw invalid('KAFKA_SASL_USERNAME', null, `a user name, as ${mechanism} needs one`);
  if (password === '') throw invalid('KAFKA_SASL_PASSWORD', null, `a password, as ${mechanism} needs one`);
  // One object per mechanism: kafkajs types the options as a union over it.
  const login = { username, password };
  if (mechanism === 'plain') return { sasl: { mechanism, ...login } };
  if (mechanism === 'scram-sha-256') return { sasl: { mechanism, ...login } };
  return { sasl: { mechanism, ...login } };
}
