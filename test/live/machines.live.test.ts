// The invariant: machines that share Temporal, Kafka and an object store, and nothing else, leave the bytes that one machine
// leaves in a folder, whichever of them come and go; and what Temporal keeps of their runs can only be read with the key.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runWorkflowId } from '#schemas/messages.ts';
import { moveTree, namesIn, openBlob, readIfThere, remove, writeWhole } from '../../infra/blobs/storage.ts';
import { claimPorts } from '../../infra/local/ports.ts';
import { type LiveHome, MNIST, startHome } from './live-home.ts';
import { isLoopback, listeningAddresses } from './listening.ts';
import { killAll, processesOf, workersOf } from './process-table.ts';
import { servicesOf } from './progress-query.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { filesBelow, tableHashes } from './run-files.ts';
import { type S3Server, startS3 } from './s3-server.ts';
import type { CommandEnd, RunningCommand } from './tessera-command.ts';

const COPIES = 2;
const ROWS = 70_000 * COPIES;
const SWEEP = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
const BUCKET = 'shared';
const PLACE = `s3://${BUCKET}/results`;
const KEY = randomBytes(32).toString('base64');
const OTHER_KEY = randomBytes(32).toString('base64');
/** What would show in a history that is not encrypted: the data, the config's keys, the places. */
const PLAIN = ['train-images-idx3-ubyte', 'shardRows', 'model.onnx'];

const CHAINS = `
kind: metflow
run: chains
target: { name: ring, modes: 4, radius: 4 }
kernels:
  - { type: metflow, count: 2, hidden: 8 }
  - { type: hmc, steps: 3 }
train: { steps: 100, batch: 32, checkpointEvery: 25, evaluateEvery: 50, evaluateRows: 50 }
sample: { chains: 4, groups: 2, warmup: 20, draws: 60, checkpointEvery: 20 }
`;

describe('several machines and an object store', () => {
  let hub: LiveHome;
  let store: S3Server;
  let shared: NodeJS.ProcessEnv;
  const machines: RunningCommand[] = [];

  beforeAll(async () => {
    hub = await startHome('machines', { workers: 0 });
    await using claimed = await claimPorts([[]]);
    store = await startS3(claimed.ports[0]!, hub.env);
    await store.makeBucket(BUCKET);
    const { temporal, kafka } = servicesOf(hub);
    shared = {
      ...store.variables,
      TEMPORAL_ADDRESS: `127.0.0.1:${temporal!.ports[0]}`,
      KAFKA_BROKERS: `127.0.0.1:${kafka!.ports[0]}`,
      TESSERA_PAYLOAD_KEYS: `spring:${KEY}`,
    };
    writeFileSync(join(hub.folder, 'chains.yaml'), CHAINS);
  });

  afterAll(async () => {
    for (const machine of machines) machine.kill('SIGTERM');
    await Promise.all(machines.map(({ end }) => end));
    await store?.stop();
    await hub?.close();
  });

  /** A machine: a home and a folder for temporary files of its own. */
  async function addMachine(name: string): Promise<RunningCommand> {
    const folder = join(hub.folder, name);
    mkdirSync(join(folder, 'tmp'), { recursive: true });
    const own = { TESSERA_HOME: join(folder, 'home'), TMPDIR: join(folder, 'tmp'), TESSERA_ENCODERS: '1' };
    const machine = hub.start(['worker'], { ...shared, ...own });
    machines.push(machine);
    await machine.saying(/workers? ready/);
    return machine;
  }

  /** As when its power fails. */
  async function lose(machine: RunningCommand): Promise<void> {
    const workers = workersOf(machine.pid);
    expect(workers.length).toBeGreaterThan(0);
    await killAll([machine.pid, ...workers]);
  }

  function sweepArgs(out: string, ...more: string[]): string[] {
    const repeated = (...names: string[]) =>
      Array.from({ length: COPIES }, () => names.map((name) => join(MNIST, name))).flat();
    const sets = {
      run: 'digits',
      'dataset.data': repeated('train-images-idx3-ubyte', 't10k-images-idx3-ubyte'),
      'dataset.labels': repeated('train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte'),
      'stream.batchRows': 64,
      'dataset.shardRows': 7000,
    };
    return ['run', SWEEP, '--out', out, '--json', ...setOptions(sets), ...more];
  }

  const chainArgs = (out: string, ...more: string[]) => [
    'run',
    join(hub.folder, 'chains.yaml'),
    '--out',
    out,
    '--json',
    ...more,
  ];

  /** A small experiment with a control, over several tasks. */
  const lensArgs = (out: string, ...more: string[]) => {
    const small = { 'dataset.rows': [0, 400], 'paths.pairs': { any: 90 }, 'controls.randomInit': 1 };
    const sets = setOptions({ run: 'paths', ...small, 'controls.weightPermuted': 0 });
    return ['run', join(EXAMPLES, 'mnist-mlp/paths.yaml'), '--out', out, '--json', ...sets, ...more];
  };

  async function reached(percent: number): Promise<void> {
    for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(100)) {
      const { json } = await hub.tessera(['status', 'digits', '--out', PLACE, '--json'], shared);
      if (Number((json as { percent?: number } | null)?.percent ?? 0) >= percent) return;
      if (json?.status === 'done') return;
    }
    throw new Error(`the run did not reach ${percent} %`);
  }

  function copyOf(run: string): string {
    const folder = join(hub.folder, 'downloaded', run);
    store.download(BUCKET, `results/${run}`, folder);
    return folder;
  }

  async function historyOf(run: string): Promise<string> {
    const connection = await Connection.connect({ address: shared.TEMPORAL_ADDRESS! });
    try {
      const handle = new Client({ connection }).workflow.getHandle(runWorkflowId(run));
      return Buffer.from(JSON.stringify(await handle.fetchHistory()))
        .toString()
        .replace(/(?<="(?:data|encoding)":")[A-Za-z0-9+/=]+(?=")/g, (data) =>
          Buffer.from(data, 'base64').toString('latin1'),
        );
    } finally {
      await connection.close();
    }
  }

  const passed = (end: CommandEnd) => expect(end.code, end.stderr).toBe(0);

  it('local services listen on this machine only', () => {
    const listening = processesOf(hub.folder).flatMap(({ pid }) => listeningAddresses(pid));
    // Broker and its controller, Temporal and its page at the least.
    expect(listening.length).toBeGreaterThanOrEqual(4);
    expect(listening.filter((address) => !isLoopback(address))).toEqual([]);
  });

  it('files larger than a part arrive whole, are read by ranges, replaced and removed', async () => {
    Object.assign(process.env, store.variables);
    const large = Buffer.alloc(2 * 16 * 2 ** 20 + 5, 7);
    for (let at = 0; at + 4 < large.length; at += 4096) large.writeUInt32LE(at, at);
    const folder = join(hub.folder, 'tree/parts');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'large'), large);
    const place = `s3://${BUCKET}/direct`;
    await writeWhole(`${place}/table/old`, Buffer.from('old'));
    await moveTree(join(hub.folder, 'tree'), `${place}/table`);
    expect(await namesIn(`${place}/table`)).toEqual(['parts']);
    expect(await namesIn(`${place}/table/parts`)).toEqual(['large']);
    const blob = await openBlob(`${place}/table/parts/large`);
    expect(blob.size).toBe(large.length);
    const [from, to] = [16 * 2 ** 20 - 1000, 18 * 2 ** 20];
    const piece = Buffer.from(await blob.slice(from, to).arrayBuffer());
    expect(piece.equals(large.subarray(from, to))).toBe(true);
    await writeWhole(`${place}/table/parts/large`, Buffer.from('replaced'));
    // Half of one version and half of another would be no file that was ever there.
    await expect(blob.slice(0, 10).arrayBuffer()).rejects.toMatchObject({
      fault: { kind: 'service-unavailable' },
    });
    await remove(`${place}/table`);
    expect(await namesIn(place)).toEqual([]);
    expect(await readIfThere(`${place}/table/parts/large`)).toBeNull();
  });

  it('one machine leaves the files to compare with, and a history that anyone can read', async () => {
    const out = join(hub.runs, 'local');
    // Of its own: the worker of a command ends with that command's run.
    const machine = hub.start(['worker']);
    machines.push(machine);
    await machine.saying(/workers? ready/);
    const runs = [sweepArgs(out), chainArgs(out), lensArgs(out)];
    const ends = await Promise.all(runs.map((args) => hub.tessera([...args, '--processes', '0'])));
    machine.kill('SIGTERM');
    await machine.end;
    ends.forEach(passed);
    expect(ends[0]!.json!.rows!.points).toBe(ROWS);
    const history = await historyOf('digits');
    for (const text of PLAIN) expect(history).toContain(text);
  });

  it('machines that come, stop and die leave the same bytes in the object store', async () => {
    const first = await addMachine('first');
    const second = await addMachine('second');
    const running = hub.start(sweepArgs(PLACE, '--processes', '0'), shared);
    await reached(15);
    await lose(first);
    const third = addMachine('third');
    await reached(40);
    second.kill('SIGTERM');
    expect((await second.end).code).toBe(0);
    await third;
    await addMachine('fourth');
    const end = await running.end;
    passed(end);
    expect(end.json).toMatchObject({ status: 'done', output: `${PLACE}/digits`, rows: { points: ROWS } });
    const files = copyOf('digits');
    expect(filesBelow(files).filter((file) => /segments|[.]tmp/.test(file))).toEqual([]);
    expect(tableHashes(files)).toEqual(tableHashes(join(hub.runs, 'local/digits')));
  });

  it('chains keep their checkpoints there, experiments their rows, and leave the same', async () => {
    const args = [chainArgs(PLACE, '--processes', '0'), lensArgs(PLACE, '--processes', '0')];
    (await Promise.all(args.map((each) => hub.tessera(each, shared)))).forEach(passed);
    for (const run of ['chains', 'paths']) {
      const files = copyOf(run);
      expect(filesBelow(files).filter((file) => /segments|[.]tmp/.test(file))).toEqual([]);
      expect(tableHashes(files)).toEqual(tableHashes(join(hub.runs, 'local', run)));
    }
  });

  it('commands read runs where they lie', async () => {
    const [again, list, report] = await Promise.all([
      hub.tessera(sweepArgs(PLACE, '--processes', '0'), shared),
      hub.tessera(['list', '--out', PLACE, '--json'], shared),
      hub.tessera(
        ['report', 'digits', 'paths', '--out', PLACE, '--output', join(hub.folder, 'report.html')],
        shared,
      ),
    ]);
    [again, list, report].forEach(passed);
    expect(again.stderr).toContain('is finished already');
    const { runs } = list.json as unknown as { runs: { run: string; output: string; status: string }[] };
    const there = runs.filter(({ output }) => output.startsWith(PLACE));
    expect(there.map(({ run, status }) => [run, status]).sort()).toEqual([
      ['chains', 'done'],
      ['digits', 'done'],
      ['paths', 'done'],
    ]);
    expect(readFileSync(join(hub.folder, 'report.html'), 'utf8')).toContain('digits');
  });

  it('the history of their runs holds no plain text, and says so to those without the key', async () => {
    const history = await historyOf('digits');
    expect(history).toContain('binary/encrypted');
    for (const text of [...PLAIN, PLACE]) expect(history).not.toContain(text);
    const pause = ['pause', 'digits', '--out', PLACE, '--json'];
    const stranger = await hub.tessera(pause, { ...shared, TESSERA_PAYLOAD_KEYS: `autumn:${OTHER_KEY}` });
    expect(stranger.code).toBe(2);
    expect(stranger.stderr).toMatch(/TESSERA_PAYLOAD_KEYS.*cannot be decrypted.*"spring"/);
    const rotated = `autumn:${OTHER_KEY},spring:${KEY}`;
    const knows = await hub.tessera(pause, { ...shared, TESSERA_PAYLOAD_KEYS: rotated });
    expect(knows.stderr).toMatch(/run digits is not going on/);
  });

  it('faults name the bucket, and no run folder is begun', async () => {
    const run = (changed: NodeJS.ProcessEnv, place = `${PLACE}-none`) =>
      hub.tessera(sweepArgs(place, '--processes', '0'), { ...shared, ...changed });
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' };
    const [bucket, keys, region, away] = await Promise.all([
      run({}, 's3://nobody/results'),
      run({ ...none, AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null' }),
      run({ AWS_REGION: '', AWS_DEFAULT_REGION: '', AWS_CONFIG_FILE: '/dev/null' }),
      run({ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }),
    ]);
    await store.denyAll();
    const denied = await run({});
    await store.admitAll();
    const said = [
      [bucket, /s3:\/\/nobody.*no such bucket/],
      [keys, /no credentials.*AWS_ACCESS_KEY_ID/],
      [region, /no region is set.*AWS_REGION/],
      [away, /does not answer.*ECONNREFUSED.*AWS_ENDPOINT_URL/],
      [denied, /refuses access.*InvalidAccessKeyId/],
    ] as const;
    for (const [end, text] of said) {
      expect(end.code, end.stderr).toBe(4);
      expect(end.stderr).toMatch(text);
      expect(end.stderr.match(/^error: /gm)).toHaveLength(1);
    }
  });

  it('no key and no password is in any file, object or database', async () => {
    const secrets = [KEY, OTHER_KEY, store.variables.AWS_SECRET_ACCESS_KEY!];
    const files = filesBelow(hub.folder).map((file) => join(hub.folder, file));
    expect(files.some((file) => file.includes('/first/home/logs/worker-'))).toBe(true);
    expect(files.some((file) => file.endsWith('temporal.db'))).toBe(true);
    const leaks = files.filter((file) => {
      const bytes = readFileSync(file);
      return secrets.some((secret) => bytes.includes(secret));
    });
    expect(leaks).toEqual([]);
  });
});
