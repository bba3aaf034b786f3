// The log never holds more unread data than it may, and never loses any unnoticed: against a real broker.

import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { kafkaCodeLog } from '../../infra/kafka/code-log.ts';
import { type LiveHome, MNIST, startHome } from './live-home.ts';
import { readPlan, watchLog } from './log-meter.ts';
import { lives, workersOf } from './process-table.ts';
import { servicesOf } from './progress-query.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { tableHashes } from './run-files.ts';

const RUN = 'lost';
const ROWS = 30_000;

let home: LiveHome;
beforeAll(async () => {
  home = await startHome('log', { workers: 0 });
});
afterAll(() => home.close());

const broker = () => `127.0.0.1:${servicesOf(home).kafka!.ports[0]}`;

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
    await using log = kafkaCodeLog({ brokers: [broker()] }, { maxLagBytes: MAX_LAG });
    await using other = kafkaCodeLog({ brokers: [broker()] }, { maxLagBytes: MAX_LAG });
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

describe(`a sweep of ${ROWS} digits whose log Kafka cuts off`, () => {
  function args(out: string): string[] {
    const sets = {
      run: RUN,
      'dataset.data': join(MNIST, 'train-images-idx3-ubyte'),
      'dataset.labels': join(MNIST, 'train-labels-idx1-ubyte'),
      'dataset.rows': [0, ROWS],
      'stream.batchRows': 32,
    };
    const config = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
    return ['run', config, '--out', join(home.runs, out), '--json', '--processes', '1', ...setOptions(sets)];
  }

  it('fails with what was lost, and the same command makes it again', async () => {
    const calm = await home.tessera(args('calm'));
    expect(calm.code, calm.stderr).toBe(0);
    const wild = join(home.runs, 'wild', RUN);
    const meter = watchLog(home, wild);
    const running = home.start(args('wild'));
    await meter.reached(0.4);
    // What the aggregators hold in memory is on the log only; then the log is cut before another worker reads it again.
    const [pid] = workersOf(running.pid);
    process.kill(pid!, 'SIGKILL');
    await expect.poll(() => lives(pid!)).toBe(false);
    await deleteRecords(readPlan(wild)!);
    const end = await running.end;
    await meter.stop();
    expect(end.code, end.stderr).toBe(4);
    expect(end.json!.fault).toMatchObject({
      kind: 'log-truncated',
      what: 'Kafka deleted messages before they were aggregated',
    });
    expect(end.json!.fault!.remedy).toMatch(/retention/);
    const again = await home.tessera(args('wild'));
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toMatch(/Kafka deleted offsets \d+ to \d+ of partition \d/);
    expect(again.json!.rows!['points']).toBe(ROWS);
    expect(tableHashes(wild)).toEqual(tableHashes(join(home.runs, 'calm', RUN)));
  });

  async function deleteRecords({ topic }: SweepPlan): Promise<void> {
    const admin = new Kafka({ brokers: [broker()], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    const partitions = offsets.map(({ partition, high }) => ({ partition, offset: high }));
    await admin.deleteTopicRecords({ topic, partitions });
    await admin.disconnect();
  }
});
