// The log never holds more unread data than it may, and never loses any unnoticed: against a real broker.

import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import kafkajs, { type Admin, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runEvent } from '#schemas/run-events.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { kafkaCodeLog } from '../../infra/kafka/code-log.ts';
import { type ExpiringKafka, startExpiringKafka } from './expiring-kafka.ts';
import { type LiveHome, makeHome, MNIST } from './live-home.ts';
import { readPlan, watchLog } from './log-meter.ts';
import { killAll, workersOf } from './process-table.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { tableHashes } from './run-files.ts';

const RUN = 'lost';
const ROWS = 30_000;

/** `LOG_RETENTION=bytes` has the broker delete by size. */
const RETENTION = process.env['LOG_RETENTION'] === 'bytes' ? 'bytes' : 'ms';
/** A segment is closed by the first message after 0.2 s; of bytes only whole closed segments are deleted. */
const LIMITS = {
  ms: { 'retention.ms': 500, 'segment.ms': 200 },
  bytes: { 'retention.bytes': 1, 'segment.ms': 200 },
} as const;

let home: LiveHome;
let broker: ExpiringKafka;
beforeAll(async () => {
  home = makeHome('log');
  broker = await startExpiringKafka(join(home.folder, 'broker'), home.env);
  home.env['KAFKA_BROKERS'] = broker.address;
  const up = await home.tessera(['up', '--processes', '0']);
  expect(up.code, up.stderr).toBe(0);
});
afterAll(async () => {
  await broker.stop();
  await home.close();
});

describe('writers', () => {
  const MAX_LAG = 1024 * 1024;
  const MESSAGE = 64 * 1024;

  function messages(count: number): CodeMessage[] {
    return Array.from({ length: count }, (_, batch) => ({
      partition: 0,
      key: 'k',
      value: new Uint8Array(MESSAGE),
      headers: { kind: 'codes', run: 'r', shard: 0, batch },
    }));
  }

  it('wait for a reader that lags, no more than they must, and not where nobody reads', async () => {
    await using log = kafkaCodeLog({ brokers: [broker.address] }, { maxLagBytes: MAX_LAG });
    await using other = kafkaCodeLog({ brokers: [broker.address] }, { maxLagBytes: MAX_LAG });
    const over = new AbortController();
    const topic = 'lag';
    await log.createTopic(topic, { partitions: 1 });
    expect(await log.offsets(topic, 0)).toEqual({ low: 0n, high: 0n });
    let waits = 0;
    const options = { signal: over.signal, onWait: () => waits++ };
    // Three times what may lag, before anybody has begun to read.
    for (let i = 0; i < 3; i++) await log.append(topic, messages(16), options);
    expect(waits).toBe(0);
    const reader = other.read(topic, 0, { from: 0n, signal: over.signal })[Symbol.asyncIterator]();
    await reader.next();
    await sleep(300);
    // The reader stands still now.
    let sent = 48;
    const writing = (async () => {
      for (let i = 0; i < 40; i++) {
        await log.append(topic, messages(1), options);
        sent++;
      }
    })();
    await sleep(2000);
    expect(waits).toBeGreaterThan(0);
    // Its lag was over the limit already: nothing was added.
    expect(sent).toBe(48);
    let read = 0n;
    while (read < 87n) {
      const { value } = await reader.next();
      read = value!.messages.at(-1)!.offset;
      expect(Number(value!.high - read) * MESSAGE).toBeLessThan(4 * MAX_LAG);
    }
    await writing;
    expect(sent).toBe(88);
    over.abort();
    await log.deleteTopic(topic);
  });
});

describe(`a sweep of ${ROWS} digits`, () => {
  function args(out: string, processes: number): string[] {
    const sets = {
      run: RUN,
      'dataset.data': join(MNIST, 'train-images-idx3-ubyte'),
      'dataset.labels': join(MNIST, 'train-labels-idx1-ubyte'),
      'dataset.rows': [0, ROWS],
      'stream.batchRows': 32,
    };
    const config = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
    const place = ['--out', join(home.runs, out), '--json', '--processes', String(processes)];
    return ['run', config, ...place, ...setOptions(sets)];
  }

  it('that no worker serves says so, to people, to programs and in status, and ends when one has come', async () => {
    const running = home.start(args('calm', 0));
    await running.saying(/no worker has asked task queue tessera for work for 15 s.*tessera worker/);
    const [told, asked] = await Promise.all([
      home.tessera(['status', RUN, '--out', join(home.runs, 'calm')]),
      home.tessera(['status', RUN, '--out', join(home.runs, 'calm'), '--json']),
    ]);
    expect(told.stdout).toMatch(/waits {3}no worker has asked task queue tessera for work/);
    expect(asked.json).toMatchObject({ status: 'running', unservedQueues: ['tessera'] });
    const worker = home.start(['worker', '--processes', '1']);
    const end = await running.end;
    worker.kill('SIGTERM');
    expect(end.code, end.stderr).toBe(0);
    const events = end.stdout
      .trimEnd()
      .split('\n')
      .map((line) => runEvent.parse(JSON.parse(line)));
    const notices = events.flatMap((event) => (event.event === 'notice' ? [event.text] : []));
    expect(notices.slice(0, 2)).toEqual([
      expect.stringContaining('no worker has asked task queue tessera for work'),
      'a worker serves task queue tessera again',
    ]);
    expect((await worker.end).code).toBe(0);
  });

  it(`whose log Kafka deletes by retention.${RETENTION} fails with what was lost, and the same command makes it again`, async () => {
    const wild = join(home.runs, 'wild', RUN);
    const meter = watchLog(home, wild, broker.address);
    const running = home.start(args('wild', 1));
    await meter.reached(0.4);
    // What the aggregators hold in memory is on the log only. While no worker reads, the broker's clock goes on; what lies in an open
    // segment is never too much.
    const { topic } = readPlan(wild)!;
    const [pid] = workersOf(running.pid);
    if (RETENTION === 'ms') process.kill(pid!, 'SIGSTOP');
    await retain(topic, LIMITS[RETENTION]);
    await expect.poll(() => firstOffset(topic), { timeout: 30_000 }).toBeGreaterThan(0);
    await killAll([pid!]);
    const end = await running.end;
    await meter.stop();
    expect(end.code, end.stderr).toBe(4);
    expect(end.json!.fault).toMatchObject({
      kind: 'log-truncated',
      what: 'Kafka deleted messages before they were aggregated',
    });
    expect(end.json!.fault!.remedy).toMatch(/Raise retention.ms and retention.bytes/);
    await retain(topic, {});
    const again = await home.tessera(args('wild', 1));
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toMatch(/Kafka deleted offsets \d+ to \d+ of partition \d/);
    expect(again.json!.rows!['points']).toBe(ROWS);
    expect(tableHashes(wild)).toEqual(tableHashes(join(home.runs, 'calm', RUN)));
  });

  async function withAdmin<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** What an administrator may set for a topic, whatever Tessera asked for. */
  async function retain(topic: string, settings: Readonly<Record<string, number>>): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }];
    await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources }));
  }

  /** The furthest first offset of any partition: above 0 where the broker has deleted something. */
  async function firstOffset(topic: string): Promise<number> {
    const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
    return Math.max(...offsets.map(({ low }) => Number(low)));
  }
});
