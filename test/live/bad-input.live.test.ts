// The invariant: whatever is wrong, the user gets the contract's exit code and one message that says what,
// where and which value; no table is half there, and no process stays.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BadCase, CASES } from './bad-cases.ts';
import { GOOD_ROWS, NAN_ROW, writeBadFiles, writeImageTar } from './bad-files.ts';
import { type LiveHome, makeHome, startHome } from './live-home.ts';
import { processesOf, untilNoneOf } from './process-table.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { finalTables, halfWritten, manifestOf } from './run-files.ts';
import { tableRows } from './table-rows.ts';
import { type CommandEnd, lastJson, tesseraCommandLine } from './tessera-command.ts';

const CONFIG = join(EXAMPLES, 'mnist-mlp/sweep.yaml');

function runArguments(
  at: (name: string) => string,
  out: string,
  sets: Readonly<Record<string, unknown>>,
): string[] {
  const all = {
    'dataset.data': at('images'),
    'dataset.labels': at('labels'),
    'dataset.shardRows': 1000,
    'stream.batchRows': 256,
    ...sets,
  };
  return ['run', CONFIG, '--out', out, '--json', ...setOptions(all)];
}

/** One message, nothing of the program's inside, stdout all events, the fault in the last of them. */
function expectOneMessage(
  { code, stdout, stderr, json }: CommandEnd,
  wanted: Pick<BadCase, 'code' | 'kind' | 'says'>,
): void {
  expect(code, stderr).toBe(wanted.code);
  const messages = stderr.split('\n').filter((line) => line.startsWith('error: '));
  expect(messages, stderr).toHaveLength(1);
  for (const pattern of wanted.says) expect(messages[0]).toMatch(pattern);
  expect(stderr + stdout).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  expect(events.filter((event) => event === 'error')).toEqual(['error']);
  expect(events.at(-1)).toBe('error');
  expect(json).toMatchObject({ exitCode: wanted.code, fault: { kind: wanted.kind } });
}

describe.concurrent('bad input', () => {
  let home: LiveHome;
  let at: (name: string) => string;
  let lasting: ReadonlySet<number>;

  beforeAll(async () => {
    home = await startHome('bad', { workers: 1 });
    at = writeBadFiles(join(home.folder, 'data'));
    mkdirSync(home.runs, { recursive: true });
    lasting = new Set(processesOf(home.folder).map(({ pid }) => pid));
  });

  afterAll(async () => {
    // Services and background workers, and what those started, stay until they are told to go.
    const left = processesOf(home.folder).filter(
      ({ pid, parent }) => !lasting.has(pid) && !lasting.has(parent),
    );
    await home.close();
    expect(left).toEqual([]);
  });

  for (const [name, bad] of Object.entries(CASES)) {
    it(`tells of ${name}`, async () => {
      const run = name.replaceAll(' ', '-');
      const end = await home.tessera(runArguments(at, home.runs, { run, ...bad.sets(at) }), bad.env);
      expectOneMessage(end, bad);
      expect(finalTables(join(home.runs, run))).toEqual([]);
      expect(halfWritten(join(home.runs, run))).toEqual([]);
    });
  }

  it('leaves a bad file out and counts it where the config says so', async () => {
    const end = await home.tessera(
      runArguments(at, home.runs, {
        run: 'skip-file',
        'dataset.onError': 'skip',
        'dataset.data': [at('images'), at('truncated'), at('images')],
        'dataset.labels': [at('labels'), at('labels'), at('labels')],
      }),
    );
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.rows!['points']).toBe(2 * GOOD_ROWS);
    expect(end.stderr).toMatch(/skipped 1 file/);
    const { skipped } = manifestOf(join(home.runs, 'skip-file'));
    expect(skipped).toHaveLength(1);
    expect(skipped[0]!.file).toContain('truncated');
    expect(skipped[0]!.why).toMatch(/truncated/);
  });

  it('leaves out rows with NaN where the config says so, and keeps the rest', async () => {
    const sets = { run: 'skip-rows', 'dataset.onError': 'skip', ...CASES['NaN in an input']!.sets(at) };
    const end = await home.tessera(runArguments(at, home.runs, sets));
    expect(end.code, end.stderr).toBe(0);
    const rows = await tableRows(join(home.runs, 'skip-rows'), 'points', { columns: 'point_id' });
    const kept = new Set(rows.map(({ point_id }) => Number(point_id)));
    expect(kept.has(NAN_ROW)).toBe(false);
    for (let row = 0; row < 1000; row++) expect(kept.has(row)).toBe(true);
    expect(end.json!.rows!['points']).toBe(kept.size);
    const [skipped] = manifestOf(join(home.runs, 'skip-rows')).skipped;
    expect(skipped!.why).toMatch(new RegExp(`${NAN_ROW}`));
    const regions = await tableRows(join(home.runs, 'skip-rows'), 'regions', { columns: 'span, "count"' });
    const counted = regions
      .filter(({ span }) => span === 'network')
      .reduce((sum, { count }) => sum + Number(count), 0);
    expect(counted).toBe(kept.size);
  });

  it('leaves an image that does not decode out of every table, and says so', async () => {
    await writeImageTar(at('images.tar'), 20, [0, 7, 8]);
    const end = await home.tessera(
      runArguments(at, home.runs, {
        run: 'skip-images',
        'dataset.format': 'tar',
        'dataset.data': at('images.tar'),
        'dataset.labels': 'cls',
        'dataset.onError': 'skip',
        'dataset.shardRows': 10,
        'stream.batchRows': 4,
      }),
    );
    expect(end.code, end.stderr).toBe(0);
    const runDir = join(home.runs, 'skip-images');
    const kept = Array.from({ length: 20 }, (_, i) => i).filter((i) => ![0, 7, 8].includes(i));
    const points = await tableRows(runDir, 'points', { columns: 'point_id, source_id, label' });
    expect(points).toEqual(kept.map((i) => ({ point_id: i, source_id: `images.tar#${i}`, label: i % 3 })));
    const regions = await tableRows(runDir, 'regions', { columns: 'span, "count"' });
    const counted = (of: string) =>
      regions.filter(({ span }) => span === of).reduce((sum, { count }) => sum + Number(count), 0);
    expect(['fc1', 'fc2', 'network'].map(counted)).toEqual([17, 17, 17]);
    const { skipped, notices } = manifestOf(runDir);
    expect(skipped.map(({ why }) => why)).toEqual([
      expect.stringMatching(/images\.tar: 0: the image does not decode.*and 2 more/),
    ]);
    expect(notices).toContain('3 of 20 points could not be read and were left out; run.json says why');
    expect(end.stderr).toContain('3 of 20 points');
  });
});

describe('a command that started everything itself', () => {
  let home: LiveHome;
  let at: (name: string) => string;

  beforeAll(() => {
    home = makeHome('alone');
    at = writeBadFiles(join(home.folder, 'data'));
  });

  afterAll(() => home.close());

  it('leaves no process behind when the data is bad', async () => {
    const end = await home.tessera(runArguments(at, home.runs, { run: 'bad', 'dataset.data': at('magic') }));
    expectOneMessage(end, CASES['a wrong magic number']!);
    expect(await untilNoneOf(home.folder, 15_000)).toEqual([]);
  });

  it('ends with 130 on Ctrl-C, leaves no process behind, and is taken up by the same command', async () => {
    const sets = {
      run: 'interrupted',
      'dataset.data': Array(5).fill(at('images')),
      'dataset.labels': Array(5).fill(at('labels')),
      'stream.batchRows': 32,
    };
    const running = home.start(runArguments(at, home.runs, sets));
    await running.saying(/encoding/);
    running.kill('SIGINT');
    const end = await running.end;
    expect(end.code, end.stderr).toBe(130);
    expect(end.json).toMatchObject({ status: 'interrupted', exitCode: 130 });
    expect(end.stderr).not.toMatch(/^\s+at /m);
    expect(await untilNoneOf(home.folder, 15_000)).toEqual([]);
    expect(finalTables(join(home.runs, 'interrupted'))).toEqual([]);
    expect(halfWritten(join(home.runs, 'interrupted'))).toEqual([]);
    const again = await home.tessera(runArguments(at, home.runs, sets));
    expect(again.code, again.stderr).toBe(0);
    expect(again.json).toMatchObject({ status: 'done', rows: { points: 5 * GOOD_ROWS } });
  });

  it("says that its disk or the broker's is full, leaves nothing half-written, and goes on when there is space", async () => {
    const full = join(home.folder, 'full');
    const kafka = join(home.env['TESSERA_HOME']!, 'kafka');
    mkdirSync(full);
    const sets = {
      run: 'full',
      'dataset.data': Array(5).fill(at('images')),
      'dataset.labels': Array(5).fill(at('labels')),
      'codes.keep': 'words',
      'stream.batchRows': 32,
    };
    const command = tesseraCommandLine(runArguments(at, full, sets))
      .map((word) => `'${word}'`)
      .join(' ');
    // A mount of its own namespace: root or not, nothing of it outlives the script.
    const script = `
      mkdir -p "${kafka}"
      mount -t tmpfs -o size=1m none "${full}" || exit 99
      mount -t tmpfs -o size=80m none "${kafka}" || exit 99
      ${command} > first.out 2> first.err; echo $? > first.code
      find "${full}" -mindepth 1 -printf '%P\\n' | sort > first.files
      mount -o remount,size=64m "${full}"
      cat /dev/zero > "${kafka}/filler" 2> /dev/null
      ${command} > broker.out 2> broker.err; echo $? > broker.code
      rm "${kafka}/filler"
      ${command} > second.out 2> second.err; echo $? > second.code
      find "${full}" -mindepth 1 -printf '%P\\n' | sort > second.files`;
    const namespace = process.getuid?.() === 0 ? ['-m'] : ['-Urm'];
    const shell = spawn('unshare', [...namespace, 'sh', '-c', script], {
      cwd: home.folder,
      env: home.env,
      stdio: 'inherit',
    });
    const [status] = await once(shell, 'close');
    expect(status, 'a file system of 1 MB could be mounted').toBe(0);
    const read = (name: string) => readFileSync(join(home.folder, name), 'utf8');
    const endOf = (name: string): CommandEnd => {
      const [stdout, stderr] = [read(`${name}.out`), read(`${name}.err`)];
      const code = Number(read(`${name}.code`));
      return { code, signal: null, stdout, stderr, json: lastJson(stdout) };
    };
    const wanted = { code: 4, kind: 'disk-full' } as const;
    expectOneMessage(endOf('first'), { ...wanted, says: [/no space left/, /resumes/] });
    const ofBroker = [/no space left for the local Kafka/, /MB free/, /resumes/];
    expectOneMessage(endOf('broker'), { ...wanted, says: ofBroker });
    expect(read('first.files')).not.toMatch(/\.tmp|\.commit-|^full\/(points|regions|layers|units|runs)/m);
    const second = endOf('second');
    expect(second.code, second.stderr).toBe(0);
    expect(second.json).toMatchObject({ status: 'done', rows: { points: 5 * GOOD_ROWS } });
    expect(read('second.files')).toMatch(/^full\/regions/m);
  });
});
