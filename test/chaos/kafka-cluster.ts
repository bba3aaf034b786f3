// Three brokers that are controllers too, each behind a proxy that clients see in its place. Topics lie on all three, and two
// must have a message before it counts: any one of them may die.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { randomStream } from '../../activities/numeric/rng.ts';
import { readEnv } from '../../infra/env.ts';
import { provisionKafka } from '../../infra/local/kafka.ts';
import { JVM_FLAGS, JVM_LOGGING, kafkaProperties } from '../../infra/local/kafka-settings.ts';
import { claimPorts } from '../../infra/local/ports.ts';
import { machineProbe } from '../../infra/local/probe.ts';
import { type MessageFaults, type MessageProxy, openMessageProxy } from './message-proxy.ts';

const BROKERS = 3;
const CLUSTER_ID = 'Y2hhb3MtdGhyZWUtYnJva2Vycw';
const READY_MS = 90_000;

export interface KafkaCluster {
  /** For `KAFKA_BROKERS`. */
  readonly addresses: string;
  /** Process of each broker, 0 where none runs. */
  readonly pids: readonly number[];
  /** Tricks played so far, all proxies together. */
  readonly played: MessageProxy['played'];
  setFaults(faults: MessageFaults): void;
  /** Index of the broker that leads a partition; null where nobody knows. */
  leaderOf(topic: string, partition: number): Promise<number | null>;
  /** Starts a broker that died again, on its data and ports. */
  revive(broker: number): void;
  close(): Promise<void>;
}

/** Formats and starts three brokers. @param folder - receives their data and logs. */
export async function startCluster(
  folder: string,
  { env: variables, seed }: { readonly env: NodeJS.ProcessEnv; readonly seed: number },
): Promise<KafkaCluster> {
  const env = readEnv(variables);
  const probe = machineProbe(env.variables.reveal());
  const { value: engine } = await provisionKafka({ env, probe, onNote: () => undefined });
  if (engine.kind !== 'java') throw new Error('three brokers need Java');
  const { java, jars } = engine;
  const ports = await freePorts(3 * BROKERS);
  const proxies = await Promise.all(
    Array.from({ length: BROKERS }, (_, i) => openMessageProxy(() => ports[3 * i]!, randomStream(seed, i))),
  );
  const program = (...args: string[]) => [...JVM_FLAGS, ...JVM_LOGGING, '-cp', join(jars, '*'), ...args];
  const properties = proxies.map(({ port }, i) => {
    const home = join(folder, `broker-${i}`);
    mkdirSync(join(home, 'kafka'), { recursive: true });
    const file = join(home, 'server.properties');
    writeFileSync(file, brokerProperties({ home, broker: i, ports, clientPort: port }));
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file];
    execFileSync(java, program(...format), { stdio: 'pipe' });
    return file;
  });
  const brokers: (ChildProcess | null)[] = properties.map(() => null);
  const launch = (i: number) => {
    const log = openSync(join(folder, `broker-${i}.log`), 'a');
    brokers[i] = spawn(java, program('kafka.Kafka', properties[i]!), { stdio: ['ignore', log, log] });
  };
  for (let i = 0; i < BROKERS; i++) launch(i);
  const addresses = proxies.map(({ port }) => `127.0.0.1:${port}`);
  const kafka = new Kafka({ brokers: addresses, logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  await untilWhole(kafka);
  return {
    addresses: addresses.join(','),
    get pids() {
      return brokers.map((broker) => (broker?.signalCode === null ? broker.pid! : 0));
    },
    get played() {
      const total = { delayed: 0, duplicated: 0, reordered: 0 };
      for (const { played } of proxies)
        for (const trick of ['delayed', 'duplicated', 'reordered'] as const) total[trick] += played[trick];
      return total;
    },
    setFaults(faults) {
      for (const proxy of proxies) proxy.faults = faults;
    },
    leaderOf: (topic, partition) => leaderOf(kafka, topic, partition).catch(() => null),
    revive: launch,
    async close() {
      for (const proxy of proxies) proxy.close();
      await Promise.all(brokers.map(end));
    },
  };
}

async function end(broker: ChildProcess | null): Promise<void> {
  if (broker === null || broker.exitCode !== null || broker.signalCode !== null) return;
  broker.kill('SIGKILL');
  await once(broker, 'close');
}

/** Later lines win over the single broker's. */
function brokerProperties({
  home,
  broker,
  ports,
  clientPort,
}: {
  readonly home: string;
  readonly broker: number;
  readonly ports: readonly number[];
  readonly clientPort: number;
}): string {
  const [own, internal, controller] = ports.slice(3 * broker);
  const voters = Array.from({ length: BROKERS }, (_, i) => `${i + 1}@127.0.0.1:${ports[3 * i + 2]}`);
  const lines = {
    'node.id': broker + 1,
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${own},INTERNAL://127.0.0.1:${internal},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${clientPort},INTERNAL://127.0.0.1:${internal}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'default.replication.factor': BROKERS,
    'min.insync.replicas': BROKERS - 1,
    'offsets.topic.replication.factor': BROKERS,
    'replica.lag.time.max.ms': 5000,
    'leader.imbalance.check.interval.seconds': 5,
  };
  const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
  return `${kafkaProperties({ home, ports: [own!, controller!] })}${text.join('')}`;
}

async function freePorts(count: number): Promise<readonly number[]> {
  await using claimed = await claimPorts(Array.from({ length: count }, () => []));
  return claimed.ports;
}

async function untilWhole(kafka: Kafka): Promise<void> {
  for (const deadline = Date.now() + READY_MS; ; await sleep(200)) {
    try {
      const { brokers } = await withAdmin(kafka, (admin) => admin.describeCluster());
      if (brokers.length === BROKERS) return;
      throw new Error(`${brokers.length} of ${BROKERS} brokers`);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function leaderOf(kafka: Kafka, topic: string, partition: number): Promise<number | null> {
  const { topics } = await withAdmin(kafka, (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
  const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition);
  return found === undefined || found.leader < 1 ? null : found.leader - 1;
}

async function withAdmin<T>(
  kafka: Kafka,
  ask: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await ask(admin);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
