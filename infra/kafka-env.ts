// How to reach the Kafka brokers, as the environment says. Apart from env.ts, because threads need nothing of Temporal's.

import { readFileSync } from 'node:fs';
import type { KafkaConfig } from 'kafkajs';
import { checkHostPort, invalid, mebibytes, oneOf, textOf } from './env-values.ts';
import { sealed, type Sealed } from './local/sealed.ts';
import type { Variables } from './local/temporal-profile.ts';

const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** Configured brokers; secrets are sealed. */
export interface KafkaEnv {
  /** Null where no brokers are configured: a local broker is started. */
  readonly brokers: readonly string[] | null;
  readonly client: Sealed<Pick<KafkaConfig, 'ssl' | 'sasl'>>;
  /** Bytes of one partition that its reader may not have read yet before writers wait. */
  readonly maxLagBytes: number;
}

const DEFAULT_LAG_BYTES = 256 * 2 ** 20;

/**
 * @param variables - Defaults to this process's own.
 * @throws PipelineError `config-invalid`, naming the variable, its value and what is allowed; never a secret.
 */
export function readKafkaEnv(variables: Variables = process.env): KafkaEnv {
  return {
    brokers: readBrokers(variables),
    client: sealed({ ...readSsl(variables), ...readSasl(variables) }),
    maxLagBytes: mebibytes(variables, 'TESSERA_LAG_MB', { least: 1 }) ?? DEFAULT_LAG_BYTES,
  };
}

/**
 * Options for `new Kafka(...)`: TLS and SASL apply to configured brokers only, a local broker has neither.
 */
export function kafkaClientConfig(
  { brokers: configured, client }: KafkaEnv,
  brokers: readonly string[],
): Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'> {
  const security = configured === null ? {} : client.reveal();
  return { brokers: [...brokers], ...security };
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
