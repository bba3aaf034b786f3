// The command line without services: most cases inside this process, those about streams and exit in a real
// one.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { RunManifest } from '#schemas/messages.ts';
import { runEvent } from '#schemas/run-events.ts';
import type { ModelInfo } from '../../../activities/ports.ts';
import { inspectLines } from '../../../infra/cli/inspect-command.ts';
import { runShell } from '../../../infra/cli/shell.ts';
import { loadConfig } from '../../../infra/config/load-config.ts';
import { recordingTerminal } from './recording-terminal.ts';

const ENTRY = fileURLToPath(new URL('../../../infra/tessera.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../examples/mnist-mlp/model.onnx', import.meta.url));
const MODEL_SHA256 = 'ac5dc205166c6b845e581e7f5c3cec237123f0517b2157f55228c1749a81108f';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-shell-'));
  writeFileSync(join(folder, 'data'), '');
  writeFileSync(
    join(folder, 'good.yaml'),
    `kind: sweep\nrun: r1\nmodel: { file: ${MODEL} }\ndataset: { format: npy, data: data }\n`,
  );
  writeFileSync(
    join(folder, 'bad.yaml'),
    'kind: sweep\nmodel: { file: m.onnx, contrl: none }\ndataset: { format: npy, data: d }\n',
  );
  writeFileSync(join(folder, 'metflow.yaml'), 'kind: metflow\n');
  writeFileSync(
    join(folder, 'lens.yaml'),
    'kind: lens\nexperiment: paths\npaths: { curve: bent }\nmodel: { file: m.onnx }\ndataset: { format: npy, data: d }\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

beforeEach(() => {
  vi.stubEnv('TESSERA_HOME', join(folder, 'home'));
  vi.stubEnv('TEMPORAL_ADDRESS', '');
  vi.stubEnv('KAFKA_BROKERS', '');
});

/** Runs the command line inside this process; names of files in the test folder stand for their paths. */
async function tessera(...args: readonly string[]): Promise<Ended> {
  const terminal = recordingTerminal();
  const full = args.map((arg) => (/^[a-z]+\.(yaml|onnx)$|^runs/.test(arg) ? join(folder, arg) : arg));
  const code = await runShell(full, terminal);
  return {
    code,
    out: terminal.answers.map((text) => `${text}\n`).join(''),
    err: terminal.notes.map((line) => `${line}\n`).join(''),
  };
}

/** Runs the real program. */
function tesseraProcess(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [ENTRY, ...args], { cwd: folder }, (_error, out, err) => {
      resolve({ code: child.exitCode, out, err });
    });
  });
}

/** Leaves a run folder as a sweep of good.yaml leaves it. */
function writeRun(status: RunManifest['status'], change: Partial<RunManifest> = {}): void {
  const { runDir, config, configSha256 } = loadConfig(join(folder, 'good.yaml'));
  mkdirSync(runDir, { recursive: true });
  const manifest: RunManifest = {
    runId: 'r1',
    kind: 'sweep',
    status,
    config,
    configSha256,
    model: { file: MODEL, sha256: MODEL_SHA256, backend: 'onnxruntime-node/cpu', packing: 'auto' },
    data: { sha256: '0', files: [{ file: join(folder, 'data'), sha256: '0', bytes: 0 }] },
    versions: {},
    createdAt: '2026-01-01T00:00:00.000Z',
    seconds: 12.5,
    rows: { points: 70000, regions: 1234 },
    restarts: 1,
    skipped: [],
    notices: [],
    ...change,
  };
  writeFileSync(join(runDir, 'run.json'), JSON.stringify(manifest));
}

describe('tessera', () => {
  it('prints its help alone and with --help, and ends with 0', async () => {
    const alone = await tessera();
    expect(alone.code).toBe(0);
    expect(alone.out).toContain('Usage: tessera');
    expect(alone.out).toContain('Exit codes: 0 done');
    const run = await tessera('run', '--help');
    expect(run.code).toBe(0);
    expect(run.out).toContain('tessera run sweep.yaml --detach');
  });

  it('suggests a command for a typo, exit 2, on stderr, without a stack trace', async () => {
    const { code, out, err } = await tessera('statsu');
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error: unknown command 'statsu'. Did you mean status\?/);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    [['run'], /missing required argument 'file'/],
    [['run', 'good.yaml', '--frobnicate'], /unknown option '--frobnicate'/],
    [['run', 'good.yaml', '--processes', 'two'], /--processes.*whole number/],
    [['run', 'bad.yaml'], /bad\.yaml: model\.contrl: unknown key.*did you mean control\?/],
    [['run', 'none.yaml'], /none\.yaml: no such config file/],
    [['run', 'metflow.yaml'], /metflow\.yaml: target: this key is missing/],
    [['run', 'lens.yaml'], /lens\.yaml: paths\.curve: .*\("bent"\).*one of lerp, slerp/],
    [['run', 'lens.yaml', '--set', 'experiment=path'], /lens\.yaml: experiment: .*did you mean paths\?/],
    [['run', 'good.yaml', '--set', 'seed'], /--set: this is not of the form key=value \(seed\)/],
    [['report'], /missing required argument 'run'/],
    [['report', 'nobody'], /no such run \(nobody\)/],
    [['schema', 'region'], /no such table \(region\).*did you mean regions\?/],
    [['inspect', MODEL, '--granularity', 'pixel'], /--granularity.*image, position/],
    [['worker', '--queues', 'cpu,gpu'], /--queues: no task uses the gpu queue yet/],
    [['schedule', 'good.yaml', '--cron', 'nightly'], /--cron: this is no cron expression \(nightly\)/],
    [['pause', 'nobody'], /no such run \(nobody\)/],
  ] as const)('ends %j with 2 and one message', async (args, message) => {
    const { code, err } = await tessera(...args);
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });

  it('ends with 3 before any service is started where the model or the data are missing', async () => {
    const model = await tessera('run', 'good.yaml', '--set', 'model.file=no.onnx', '--json');
    expect(model.code).toBe(3);
    expect(runEvent.parse(JSON.parse(model.out))).toMatchObject({
      event: 'error',
      run: 'r1',
      status: 'failed',
      exitCode: 3,
      fault: { kind: 'model-missing', value: join(folder, 'no.onnx') },
    });
    const data = await tessera('run', 'good.yaml', '--set', 'dataset.data=no.npy');
    expect(data.code).toBe(3);
    expect(data.err).toContain(`good.yaml: dataset.data: no such file (${join(folder, 'no.npy')})`);
    expect((await tessera('inspect', 'no.onnx')).code).toBe(3);
  });

  it('prints one JSON object on stdout with --json, also for a bad command', async () => {
    const { out, code } = await tessera('run', 'bad.yaml', '--json');
    expect(code).toBe(2);
    expect(runEvent.parse(JSON.parse(out))).toMatchObject({
      event: 'error',
      status: 'failed',
      exitCode: 2,
      fault: { kind: 'config-invalid' },
    });
  });

  it('shows a stack trace only with --debug', async () => {
    expect((await tessera('run', 'bad.yaml')).err).not.toContain('    at ');
    expect((await tessera('run', 'bad.yaml', '--debug')).err).toContain('    at ');
  });

  it('shows taps, sizes and exactness of a model', async () => {
    const { out, code } = await tessera('inspect', MODEL, '--json');
    expect(code).toBe(0);
    const info = JSON.parse(out) as {
      readonly sha256: string;
      readonly taps: readonly { readonly codeBits: number; readonly rowBytes: number }[];
    };
    expect(info.sha256).toBe(MODEL_SHA256);
    expect(info.taps.map(({ codeBits, rowBytes }) => [codeBits, rowBytes])).toEqual([
      [128, 16],
      [128, 16],
    ]);
    expect((await tessera('inspect', MODEL)).out).toMatch(/network +256 +32\n/);
  });

  it('leaves sizes open that only data can tell', () => {
    const { name, activation, exact } = { name: 'z', activation: 'Relu', exact: true };
    const tap = { name, activation, exact, kind: 'dense', channels: 0, height: 0, width: 0, codeBits: 0 };
    const input = { name: 'x', type: 'float32', dims: [null, null] };
    const model = {
      runtime: 'onnx',
      sha256: 'a'.repeat(64),
      input,
      output: null,
      operators: [],
      inexact: [],
    };
    const lines = inspectLines('m.onnx', { ...model, taps: [tap] } as unknown as ModelInfo, 'image');
    expect(lines.find((line) => line.startsWith('z '))).toMatch(/^z +dense +Relu +\? +\? +\? +exact$/);
    expect(lines.at(-1)).toBe('?: known only once data gives the input its shape.');
  });

  it('gives all of a long answer to a pipe before it leaves', async () => {
    const { code, out } = await tesseraProcess('schema', '--json');
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(64 * 1024);
    expect(() => JSON.parse(out)).not.toThrow();
  });

  it('prints the columns of a table and a JSON Schema that names every section', async () => {
    expect((await tessera('schema', 'regions')).out).toMatch(/^digest +fixed\[16\] +128-bit hash/m);
    const schema = JSON.parse((await tessera('schema', 'config')).out) as {
      readonly anyOf: readonly { readonly title: string; readonly properties: object }[];
    };
    expect(schema.anyOf.map(({ title }) => title)).toContain('Tessera lens config, experiment paths');
    expect(Object.keys(schema.anyOf[0]!.properties)).toEqual([
      'kind',
      'run',
      'seed',
      'model',
      'dataset',
      'codes',
      'stream',
      'output',
    ]);
  });
});

describe('the process', () => {
  it("writes people's text to stderr, the answer to stdout, and ends with the fault's code", async () => {
    const [bad, help, done] = await Promise.all([
      tesseraProcess('run', 'bad.yaml', '--json'),
      tesseraProcess(),
      (async () => {
        writeRun('done');
        return await tesseraProcess('run', 'good.yaml', '--json');
      })(),
    ]);
    expect([bad.code, help.code, done.code]).toEqual([2, 0, 0]);
    expect(bad.err).toMatch(/^error: bad\.yaml: model\.contrl: unknown key/);
    expect(JSON.parse(bad.out)).toMatchObject({ exitCode: 2 });
    expect(help.out).toContain('Usage: tessera');
    expect(done.err).toContain('run r1 is finished already');
    expect(JSON.parse(done.out)).toMatchObject({ run: 'r1', status: 'done' });
  }, 30_000);
});

describe('a run that is there already', () => {
  it('says that it is done, exit 0, with its rows and seconds', async () => {
    writeRun('done');
    const { code, out, err } = await tessera('run', 'good.yaml', '--json');
    expect(err).toContain('run r1 is finished already');
    expect(runEvent.parse(JSON.parse(out))).toEqual({
      event: 'finished',
      version: 1,
      time: expect.any(String),
      run: 'r1',
      status: 'done',
      output: join(folder, 'runs', 'r1'),
      rows: { points: 70000, regions: 1234 },
      seconds: 12.5,
      restarts: 1,
      exitCode: 0,
    });
    expect(code).toBe(0);
  });

  it.each(['done', 'running', 'failed'] as const)(
    'refuses another config where it is %s, showing what changed',
    async (status) => {
      writeRun(status);
      const { code, err } = await tessera('run', 'good.yaml', '--set', 'seed=7', '--set', 'codes.keep=words');
      expect(code).toBe(2);
      expect(err).toContain(
        'run r1 exists with another config (seed: 0 → 7; codes.keep: "digests" → "words")',
      );
    },
  );

  it('refuses to pass off the result of another model or of other data under the same name', async () => {
    writeRun('done', { model: { file: MODEL, sha256: 'f'.repeat(64), backend: 'b', packing: 'p' } });
    const model = await tessera('run', 'good.yaml');
    expect([model.code, model.err]).toEqual([
      2,
      expect.stringContaining('model.onnx: sha256 ffffffffffffffff… → ac5dc205166c6b84…'),
    ]);
    writeRun('done', {
      data: { sha256: '0', files: [{ file: join(folder, 'data'), sha256: '0', bytes: 10 }] },
    });
    const data = await tessera('run', 'good.yaml');
    expect([data.code, data.err]).toEqual([2, expect.stringContaining('data: 10 bytes → 0 bytes')]);
  });

  it('is listed and shown without services, by id and by folder', async () => {
    writeRun('done');
    expect(JSON.parse((await tessera('list', '--json', '--out', 'runs')).out)).toMatchObject({
      runs: [{ run: 'r1', status: 'done', rows: { points: 70000 } }],
    });
    expect((await tessera('list', '--out', 'runs')).out).toMatch(/^r1 +done +70,000 +13 s/m);
    expect((await tessera('status', 'runs/r1')).out).toContain('r1: done in 13 s');
    expect(JSON.parse((await tessera('status', 'r1', '--json', '--out', 'runs')).out)).toMatchObject({
      run: 'r1',
      status: 'done',
      services: [],
    });
    expect((await tessera('status', '--out', 'runs')).out).toContain('no unfinished runs');
  });

  it('is interrupted where it was running and no service is up, and says how to go on', async () => {
    writeRun('running');
    expect((await tessera('status', '--out', 'runs')).out).toMatch(
      /r1: interrupted[\s\S]*resume +tessera run/,
    );
    const { code, err } = await tessera('pause', 'r1', '--out', 'runs');
    expect(code).toBe(4);
    expect(err).toContain('no local Temporal server is running');
  });

  it('suggests a run for a typo in its id', async () => {
    writeRun('done');
    const { code, err } = await tessera('status', 'r2', '--out', 'runs');
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('no such run (r2). Known: r1; did you mean r1?'),
    ]);
  });

  it('refuses a run.json that is no manifest, exit 3', async () => {
    writeRun('done');
    writeFileSync(join(folder, 'runs/r1/run.json'), '{"half":');
    const { code, err } = await tessera('run', 'good.yaml');
    expect([code, err]).toEqual([3, expect.stringContaining('run.json: this is no run manifest')]);
  });
});
