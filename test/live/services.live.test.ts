// The invariant: local services lose nothing when killed, come back on the same ports, and leave no process
// behind.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Env, readEnv, temporalConnectionOptions } from '../../infra/env.ts';
import { kafkaClientConfig } from '../../infra/kafka-env.ts';
import { claimPorts, isPortFree } from '../../infra/local/ports.ts';
import type { ServiceRestart } from '../../infra/local/reports.ts';
import { isLoopback, listeningAddresses } from './listening.ts';
import { makeHome, startHome } from './live-home.ts';
import { encodersUnderWay, servicesOf } from './progress-query.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { startTessera } from './tessera-command.ts';
import { ensureServices, type Services, servicesStatus, stopServices } from '../../infra/services.ts';

const TOPIC = 'live';

describe('local services', () => {
  let env: Env;
  let services: Services;
  const notes: string[] = [];

  beforeAll(async () => {
    const home = await mkdtemp(join(tmpdir(), 'tessera-live-'));
    const outside = new Set(['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'KAFKA_BROKERS', 'TESSERA_HOME']);
    const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !outside.has(name)));
    env = readEnv({ ...own, TESSERA_HOME: home, TEMPORAL_NAMESPACE: 'live-test' });
    services = await ensureServices({ env, keep: false, onNote: (note) => notes.push(note) });
  }, 900_000);

  afterAll(async () => {
    await stopServices(env.home);
    await rm(env.home, { recursive: true, force: true });
  });

  it('starts both, says so, and names what it started', () => {
    expect(services.started.map(({ name }) => name).sort()).toEqual(['kafka', 'temporal']);
    expect(notes.filter((note) => note.includes('starting on 127.0.0.1:'))).toHaveLength(2);
    for (const { pid } of services.started) expect(lives(pid)).toBe(true);
  });

  it('answers on the UI address it reports', async () => {
    const page = await fetch(services.temporal.uiUrl ?? '');
    expect(page.status).toBe(200);
  });

  it('takes the Java test server where it is asked for: without a page, on the loopback interface', async () => {
    const home = await mkdtemp(join(tmpdir(), 'tessera-java-'));
    const asked = { TESSERA_TEMPORAL_FROM: 'maven', KAFKA_BROKERS: services.brokers.join(',') };
    const own = readEnv({
      ...env.variables.reveal(),
      ...asked,
      TESSERA_HOME: home,
      TEMPORAL_NAMESPACE: 'default',
    });
    {
      await using java = await ensureServices({ env: own, keep: false });
      expect(java.temporal.uiUrl).toBeUndefined();
      const addresses = java.started.flatMap(({ pid }) => listeningAddresses(pid));
      expect(addresses.length).toBeGreaterThan(0);
      expect(addresses.filter((address) => !isLoopback(address))).toEqual([]);
      await startWorkflow(java, 'in-memory');
      expect(await workflowStatus(java, 'in-memory')).toBe('RUNNING');
    }
    await rm(home, { recursive: true });
  }, 300_000);

  it('takes a message of 40 MB and gives it back whole', async () => {
    const value = Buffer.alloc(40_000_000, 'polytope');
    await createTopic(services, 'wide');
    await produce(services, 'wide', value);
    const [read] = await consume(services, 'wide', 1);
    expect(read?.equals(value)).toBe(true);
  }, 60_000);

  it('is shared by a second command, whose leaving does not stop it, also behind a proxy', async () => {
    // gRPC sends all but what is excepted there, this machine's own server included.
    vi.stubEnv('https_proxy', 'http://127.0.0.1:9');
    vi.stubEnv('grpc_proxy', 'http://127.0.0.1:9');
    const second = await ensureServices({ env, keep: false });
    expect(second.started).toEqual([]);
    expect(second.brokers).toEqual(services.brokers);
    expect(second.temporal).toEqual(services.temporal);
    vi.unstubAllEnvs();
  });

  it('comes back under supervision after kill -9 of both, with its data', async () => {
    const restarts: ServiceRestart[] = [];
    await createTopic(services, TOPIC);
    await produce(services, TOPIC, Buffer.from('before the kill'));
    await startWorkflow(services, 'survivor');
    const before = await clusterId(services);
    {
      using _supervision = services.supervise((restart) => restarts.push(restart));
      for (const { pid } of services.started) process.kill(pid, 'SIGKILL');
      // Another home may prefer the same ports: while they are dead, they are not to be had.
      const ports = [services.temporal.address, ...services.brokers].map((at) => Number(at.split(':')[1]));
      await using others = await claimPorts(
        ports.map((port) => [port]),
        { home: `${env.home}-2` },
      );
      for (const port of ports) expect(others.ports).not.toContain(port);
      for (let i = 0; i < 600 && restarts.length < 2; i += 1) await sleep(100);
    }
    expect(restarts.map(({ name, restarts: count }) => `${name} ${count}`).sort()).toEqual([
      'kafka 1',
      'temporal 1',
    ]);
    for (const { seconds } of restarts) expect(seconds).toBeLessThan(30);
    expect(await clusterId(services)).toBe(before);
    await produce(services, TOPIC, Buffer.from('after it'));
    expect((await consume(services, TOPIC, 2)).map(String)).toEqual(['before the kill', 'after it']);
    expect(await workflowStatus(services, 'survivor')).toBe('RUNNING');
  }, 120_000);

  it('stops every process and then starts again on the same ports with the same data', async () => {
    const running = await servicesStatus(env.home);
    await services.stop();
    for (const { pid } of running) await expect.poll(() => lives(pid ?? 0)).toBe(false);
    expect((await servicesStatus(env.home)).map(({ state }) => state)).toEqual(['stopped', 'stopped']);

    const again = await ensureServices({ env, keep: false });
    expect(again.brokers).toEqual(services.brokers);
    expect(again.temporal).toEqual(services.temporal);
    expect(await consume(again, TOPIC, 2)).toHaveLength(2);
    expect(await workflowStatus(again, 'survivor')).toBe('RUNNING');
    await again.stop();
  }, 120_000);

  it('keeps services that were asked to be kept, until they are stopped for all', async () => {
    const kept = await ensureServices({ env, keep: true });
    await kept.stop();
    for (const { pid } of kept.started) expect(lives(pid)).toBe(true);
    expect(await stopServices(env.home)).toHaveLength(2);
    for (const { pid } of kept.started) await expect.poll(() => lives(pid)).toBe(false);
  }, 120_000);

  it('leaves nothing running when it is aborted while starting', async () => {
    const abort = new AbortController();
    const starting = ensureServices({
      env,
      keep: false,
      signal: abort.signal,
      onNote: (note) =>
        note.startsWith('Kafka: starting') && setTimeout(() => abort.abort(new Error('Ctrl-C')), 300),
    });
    await expect(starting).rejects.toThrow('Ctrl-C');
    expect((await servicesStatus(env.home)).map(({ state }) => state)).toEqual(['stopped', 'stopped']);
  }, 60_000);

  function kafka({ brokers }: Services): Kafka {
    return new Kafka({ ...kafkaClientConfig(env.kafka, brokers), logLevel: logLevel.NOTHING });
  }

  async function createTopic(at: Services, topic: string): Promise<void> {
    const admin = kafka(at).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    await admin.disconnect();
  }

  async function clusterId(at: Services): Promise<string> {
    const admin = kafka(at).admin();
    await admin.connect();
    const cluster = await admin.describeCluster();
    await admin.disconnect();
    return cluster.clusterId;
  }

  async function produce(at: Services, topic: string, value: Buffer): Promise<void> {
    const producer = kafka(at).producer({ idempotent: true });
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ value }] });
    await producer.disconnect();
  }

  async function consume(at: Services, topic: string, count: number): Promise<Buffer[]> {
    const consumer = kafka(at).consumer({ groupId: `live-${Math.random()}`, maxBytesPerPartition: 64 << 20 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const values: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachMessage: async ({ message }) => {
            values.push(message.value ?? Buffer.alloc(0));
            if (values.length === count) resolve();
          },
        })
        .catch(reject);
    });
    await consumer.disconnect();
    return values;
  }

  async function withClient<T>(at: Services, work: (client: Client) => Promise<T>): Promise<T> {
    const connection = await Connection.connect(temporalConnectionOptions(env, at.temporal.address));
    try {
      return await work(new Client({ connection, namespace: at.temporal.namespace }));
    } finally {
      await connection.close();
    }
  }

  async function startWorkflow(at: Services, workflowId: string): Promise<void> {
    await withClient(at, (client) => client.workflow.start('none', { workflowId, taskQueue: 'nobody' }));
  }

  function workflowStatus(at: Services, workflowId: string): Promise<string> {
    return withClient(
      at,
      async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name,
    );
  }
});

describe('a port that a stranger takes while Kafka comes up', () => {
  it('costs a second start on another one, and no error', async () => {
    const home = makeHome('stranger');
    const stranger = createServer();
    const up = home.start(['up', '--processes', '0']);
    try {
      const properties = join(home.folder, 'home', 'kafka', 'server.properties');
      await expect.poll(() => existsSync(properties), { interval: 5, timeout: 120_000 }).toBe(true);
      // Still being formatted: it listens only seconds later.
      const controller = /CONTROLLER:\/\/127\.0\.0\.1:(\d+)/.exec(await readFile(properties, 'utf8'))![1]!;
      await once(stranger.listen(Number(controller), '127.0.0.1'), 'listening');
      const { code, stderr } = await up.end;
      expect(stderr).toContain('another process took a port that was free');
      expect(code, stderr).toBe(0);
      const { process: broker, ports } = servicesOf(home).kafka!;
      expect(ports[1]).not.toBe(Number(controller));
      expect(lives(broker!.pid)).toBe(true);
    } finally {
      stranger.close();
      await home.close();
    }
  });
});

describe('workers in the background, and those of a command that runs', () => {
  it('follow a broker that came back at another port, because a stranger took its own', async () => {
    const home = await startHome('moved', { workers: 1 });
    const stranger = createServer();
    const config = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
    const { env, folder, runs } = home;
    const running = startTessera(['run', config, '--out', runs, '--processes', '1', '--set', 'run=running'], {
      env,
      cwd: folder,
    });
    try {
      await expect.poll(() => encodersUnderWay(home, 'running'), { timeout: 30_000 }).toBeGreaterThan(0);
      const { process: broker, ports } = servicesOf(home).kafka!;
      process.kill(broker!.pid, 'SIGKILL');
      await expect.poll(() => isPortFree(ports[0]!), { timeout: 10_000 }).toBe(true);
      await once(stranger.listen(ports[0], '127.0.0.1'), 'listening');
      const sets = setOptions({ run: 'moved', 'dataset.rows': [0, 500] });
      const end = await home.tessera(['run', config, '--out', home.runs, '--processes', '0', ...sets]);
      expect(end.stderr).toContain('its background workers are started again');
      expect(end.code).toBe(0);
      expect(servicesOf(home).kafka!.ports[0]).not.toBe(ports[0]);
      const { code, stderr } = await running.end;
      expect(stderr).toContain('the workers of this command are started again');
      expect(code, stderr).toBe(0);
    } finally {
      running.kill('SIGKILL');
      stranger.close();
      await home.close();
    }
  });
});

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
