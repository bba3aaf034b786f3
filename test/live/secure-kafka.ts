// A broker as an administrator would run one: clients need TLS and a password, or a certificate of their own; sizes are
// Kafka's defaults.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { type Env, readEnv } from '../../infra/env.ts';
import { provisionKafka } from '../../infra/local/kafka.ts';
import { machineProbe } from '../../infra/local/probe.ts';
import type { Certificates } from './certificates.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface SecureKafka {
  /** Where clients need a password. */
  readonly address: string;
  /** Where they need a certificate. */
  readonly mutual: string;
  stop(): Promise<void>;
}

interface Ports {
  readonly clients: number;
  readonly mutual: number;
  readonly internal: number;
  readonly controller: number;
}

/** Formats and starts a broker that knows one user, by SCRAM and PLAIN. */
export async function startSecureKafka(
  folder: string,
  options: {
    readonly env: NodeJS.ProcessEnv;
    readonly ports: Ports;
    readonly login: Login;
    readonly certificates: Certificates;
  },
): Promise<SecureKafka> {
  const { ports, login, certificates } = options;
  mkdirSync(folder, { recursive: true });
  const env: Env = readEnv(options.env);
  const { value: engine } = await provisionKafka({
    env,
    probe: machineProbe(env.variables.reveal()),
    onNote: () => undefined,
  });
  if (engine.kind !== 'java') throw new Error('this test needs Java');
  const properties = join(folder, 'server.properties');
  writeFileSync(properties, serverProperties(folder, options));
  const java = (program: string, ...args: string[]) => [
    '-Xmx256m',
    '-cp',
    join(engine.jars, '*'),
    program,
    ...args,
  ];
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${login.username},password=${login.password}]`,
  ]);
  execFileSync(
    engine.java,
    java('kafka.tools.StorageTool', 'format', '-t', 'c2VjdXJlLWthZmthLTEyMw', '-c', properties, ...scram),
    { stdio: 'pipe' },
  );
  const log = openSync(join(folder, 'log'), 'w');
  const broker = spawn(engine.java, java('kafka.Kafka', properties), {
    cwd: folder,
    stdio: ['ignore', log, log],
  });
  const ca = readFileSync(certificates.ca, 'utf8');
  await untilBrokerReady(broker, {
    brokers: [`127.0.0.1:${ports.clients}`],
    ssl: { ca: [ca] },
    sasl: { mechanism: 'plain', ...login },
  });
  return {
    address: `127.0.0.1:${ports.clients}`,
    mutual: `127.0.0.1:${ports.mutual}`,
    async stop() {
      broker.kill('SIGKILL');
      await once(broker, 'close');
    },
  };
}

function serverProperties(
  folder: string,
  {
    ports,
    login: { username, password },
    certificates,
  }: { readonly ports: Ports; readonly login: Login; readonly certificates: Certificates },
): string {
  const security = 'org.apache.kafka.common.security';
  const user = `user_${username}="${password}"`;
  const at = (name: string, port: number) => `${name}://127.0.0.1:${port}`;
  const outer = [at('SASL_SSL', ports.clients), at('MUTUAL', ports.mutual)];
  const listeners = [...outer, at('INTERNAL', ports.internal)].join(',');
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    listeners: `${listeners},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': listeners,
    'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,MUTUAL:SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${security}.plain.PlainLoginModule required ${user};`,
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${security}.scram.ScramLoginModule required;`,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${security}.scram.ScramLoginModule required;`,
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.mutual.ssl.truststore.type': 'PEM',
    'listener.name.mutual.ssl.truststore.location': certificates.ca,
    'listener.name.mutual.ssl.keystore.type': 'PEM',
    'listener.name.mutual.ssl.keystore.location': certificates.server.both,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': certificates.server.both,
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Resolves when a broker answers. @throws Error where it ended or does not within a minute. */
export async function untilBrokerReady(
  broker: ChildProcess,
  config: ConstructorParameters<typeof Kafka>[0],
): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
    const admin = new Kafka({ ...config, logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
    try {
      await admin.connect();
      await admin.describeCluster();
      return;
    } catch (error) {
      if (broker.exitCode !== null || Date.now() > deadline) throw error;
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
