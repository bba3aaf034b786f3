import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { SweepConfig } from '#schemas/config.ts';
import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import { checkFilesExist, type LoadedRun, loadConfig } from '../../../infra/config/load-config.ts';

const SWEEP = `
kind: sweep
model: { file: nets/model.onnx }
dataset:
  format: idx
  data: [data/images-*, data/more]
  labels: data/labels
`;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-config-'));
  file = join(folder, 'digits.yaml');
  writeFileSync(file, SWEEP);
});
afterEach(() => rmSync(folder, { recursive: true }));

function faultOf(action: () => unknown): PipelineFault {
  try {
    action();
  } catch (error) {
    if (error instanceof PipelineError) return error.fault;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function faultOfConfig(text: string): PipelineFault {
  writeFileSync(file, text);
  return faultOf(() => loadConfig(file));
}

function loadSweep(path: string): LoadedRun<SweepConfig> {
  const { config, ...rest } = loadConfig(path);
  if (config.kind !== 'sweep') throw new Error(`a ${config.kind} config`);
  return { ...rest, config };
}

describe('loadConfig', () => {
  it('fills in defaults and resolves paths from the folder of the file, patterns included', () => {
    const { config, runDir, runId } = loadSweep(file);
    expect(config.stream).toEqual({ partitions: 4, batchRows: 1024 });
    expect(config.codes.spans).toEqual(['layer', 'network']);
    expect(config.model.file).toBe(join(folder, 'nets/model.onnx'));
    expect(config.dataset.data).toEqual([join(folder, 'data/images-*'), join(folder, 'data/more')]);
    expect(config.dataset.labels).toBe(join(folder, 'data/labels'));
    expect(runDir).toBe(join(folder, 'runs', runId));
  });

  it('keeps labels and column as names where the format has fields', () => {
    writeFileSync(
      file,
      'kind: sweep\nmodel: {file: m.onnx}\ndataset: {format: jsonl, data: d.jsonl, column: words, labels: tags, tokenizer: t.json}',
    );
    const { dataset } = loadSweep(file).config;
    expect([dataset.labels, dataset.column]).toEqual(['tags', 'words']);
    expect(dataset.tokenizer).toBe(join(folder, 't.json'));
  });

  it('derives the run id from the file name and the first 8 digits of the hash', () => {
    const { runId, configSha256 } = loadConfig(file);
    expect(runId).toBe(`digits-${configSha256.slice(0, 8)}`);
    expect(loadConfig(file, { sets: ['run=mine'] }).runId).toBe('mine');
  });

  it('makes a run id of a file name with other characters', () => {
    const odd = join(folder, '_my sweep (2).yaml');
    writeFileSync(odd, SWEEP);
    expect(loadConfig(odd).runId).toMatch(/^run_my-sweep-2--[0-9a-f]{8}$/);
  });

  it('hashes what the run computes: not its name, its place, the order of keys or defaults written out', () => {
    const hash = (...sets: string[]) => loadConfig(file, { sets }).configSha256;
    const base = hash();
    expect(hash('run=other')).toBe(base);
    expect(hash('output.dir=elsewhere')).toBe(base);
    expect(hash('stream={batchRows: 1024, partitions: 4}')).toBe(base);
    expect(loadConfig(file, { out: join(folder, 'x') }).configSha256).toBe(base);
    expect(hash('seed=1')).not.toBe(base);
    expect(hash('output.exemplars=9')).not.toBe(base);
    expect(hash('model.file=nets/other.onnx')).not.toBe(base);
  });

  it('keeps the hash when the folder moves', () => {
    const moved = join(folder, 'moved/clone');
    mkdirSync(moved, { recursive: true });
    writeFileSync(join(moved, 'digits.yaml'), SWEEP);
    expect(loadConfig(join(moved, 'digits.yaml')).configSha256).toBe(loadConfig(file).configSha256);
  });

  it('reads JSON', () => {
    const json = join(folder, 'digits.json');
    writeFileSync(
      json,
      JSON.stringify({
        kind: 'sweep',
        model: { file: 'nets/model.onnx' },
        dataset: { format: 'idx', data: ['data/images-*', 'data/more'], labels: 'data/labels' },
      }),
    );
    expect(loadConfig(json).configSha256).toBe(loadConfig(file).configSha256);
  });

  it('puts runs below --out as the shell resolves it', () => {
    expect(loadConfig(file, { out: 'results', sets: ['run=a'] }).runDir).toBe(
      join(process.cwd(), 'results', 'a'),
    );
  });
});

describe('a bad config', () => {
  it('names an unknown key, the allowed ones and the likely one', () => {
    const fault = faultOfConfig(SWEEP.replace('{ file: nets/model.onnx }', '{ file: m.onnx, contrl: none }'));
    expect(fault.kind).toBe('config-invalid');
    expect(fault.where).toBe(`${file}: model.contrl`);
    expect(fault.what).toBe('unknown key');
    expect(fault.remedy).toBe(
      'Allowed here: file, control, taps, input, device, threads; did you mean control?',
    );
  });

  it('finds a key that belongs to another section', () => {
    expect(faultOfConfig(`${SWEEP}shardRows: 5\n`).remedy).toMatch(/did you mean dataset\.shardRows\?$/);
  });

  it('names value and allowed values of a choice', () => {
    const fault = faultOfConfig(SWEEP.replace('format: idx', 'format: idxx'));
    expect(fault).toMatchObject({ where: `${file}: dataset.format`, value: '"idxx"' });
    expect(fault.remedy).toBe(
      'Allowed: one of idx, npy, parquet, images, jsonl, text, tar; did you mean idx?',
    );
  });

  it.each([
    ['seed: many', 'seed', '"many"', 'Allowed: a whole number from 0 to 4294967295.'],
    ['seed: 1.5', 'seed', '1.5', 'Allowed: a whole number from 0 to 4294967295.'],
    ['seed: -1', 'seed', '-1', 'Allowed: a whole number from 0 to 4294967295.'],
    ['stream: { partitions: 0 }', 'stream.partitions', '0', 'Allowed: a whole number from 1 to 1024.'],
    ['codes: { spans: [layer, tap] }', 'codes.spans[1]', '"tap"', 'Allowed: one of layer, network.'],
    ['codes: { countAmbiguous: 1 }', 'codes.countAmbiguous', '1', 'Allowed: true or false.'],
    ['output: 3', 'output', '3', 'Allowed: a section with the keys dir, exemplars.'],
    ['run: a/b', 'run', '"a/b"', 'Allowed: text matching ^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$.'],
  ])('says of `%s` what %s may be', (line, key, value, remedy) => {
    expect(faultOfConfig(`${SWEEP}${line}\n`)).toMatchObject({
      kind: 'config-invalid',
      where: `${file}: ${key}`,
      value,
      remedy,
    });
  });

  it('tells a missing key with its meaning', () => {
    const fault = faultOfConfig('kind: sweep\nmodel: { file: m.onnx }\n');
    expect(fault).toMatchObject({ where: `${file}: dataset`, what: 'this key is missing' });
    expect(fault.remedy).toContain('The corpus.');
  });

  it('names every problem, not only the first', () => {
    const { remedy } = faultOfConfig(`${SWEEP}seed: x\nstreem: {}\n`);
    expect(remedy).toContain('Also wrong: streem: unknown key, did you mean stream?');
  });

  it('explains a range of rows that is empty', () => {
    const fault = faultOfConfig(SWEEP.replace('format: idx', 'format: idx\n  rows: [5, 5]'));
    expect(fault).toMatchObject({ where: `${file}: dataset.rows`, value: '[5,5]' });
    expect(fault.what).toContain('the first row must lie below the second');
  });

  it('says where the YAML is broken', () => {
    const fault = faultOfConfig('kind: sweep\nmodel: { file: a\ndataset: x\n');
    expect(fault).toMatchObject({ kind: 'config-invalid', where: file });
    expect(fault.what).toMatch(/line \d+/);
  });

  it.each(['', '- a\n', 'just text'])('refuses a file that holds no keys: %j', (text) => {
    expect(faultOfConfig(text)).toMatchObject({ kind: 'config-invalid', what: 'the file holds no config' });
  });

  it('refuses a file that does not exist', () => {
    expect(faultOf(() => loadConfig(join(folder, 'no.yaml')))).toMatchObject({
      kind: 'config-invalid',
      what: 'no such config file',
      where: join(folder, 'no.yaml'),
    });
  });

  it.each([
    ['target: {name: rng}', 'target.name', /did you mean ring/],
    ['target: {name: ring, radus: 3}', 'target.radus', /Allowed here: name, modes, radius, scale/],
    ['target: {name: ring, radius: -3}', 'target.radius', /a number above 0/],
    ['target: {name: density_match}', 'target.shape', /one of t1, t2, t3, t4/],
    ['kernels: [{type: hmc, stpes: 3}]', 'kernels[0].stpes', /did you mean steps/],
    ['kernels: [{type: hmc}, {type: hmx}]', 'kernels[1].type', /did you mean hmc/],
    ['kernels: [{type: nuts, maxDepth: 33}]', 'kernels[0].maxDepth', /from 1 to 20/],
    ['kernels: []', 'kernels', /list/],
    ['sample: {drws: 3}', 'sample.drws', /did you mean draws/],
  ])('names key and allowed values of a metflow config: %s', (line, key, remedy) => {
    const lines = { kind: 'metflow', target: '{name: ring}', kernels: '[{type: nuts}]' };
    const [name, ...rest] = line.split(': ');
    const all = Object.entries({ ...lines, [name!]: rest.join(': ') });
    const fault = faultOfConfig(all.map(([of, value]) => `${of}: ${value}`).join('\n'));
    expect(fault.kind).toBe('config-invalid');
    expect(fault.where!.endsWith(`: ${key}`), fault.where).toBe(true);
    expect(fault.remedy).toMatch(remedy);
  });

  it('refuses aliases that grow without bound', () => {
    const bomb = join(folder, 'bomb.yaml');
    const ten = (name: string) => `[${Array(10).fill(name).join(', ')}]`;
    const lines = Array.from({ length: 8 }, (_, i) => `a${i + 1}: &a${i + 1} ${ten(`*a${i}`)}`);
    writeFileSync(bomb, ['a0: &a0 x', ...lines].join('\n'));
    expect(faultOf(() => loadConfig(bomb))).toMatchObject({
      kind: 'config-invalid',
      what: expect.stringContaining('alias'),
      where: bomb,
    });
  });

  it('puts runs into object storage, but reads no data from there', () => {
    const text =
      'kind: sweep\nmodel: {file: m.onnx}\ndataset: {format: npy, data: s3://b/x.npy}\noutput: {dir: s3://b/runs}\n';
    const file = join(folder, 'objects.yaml');
    writeFileSync(file, `${text}run: one\n`);
    writeFileSync(join(folder, 'm.onnx'), '');
    const loaded = loadConfig(file);
    expect(loaded.runDir).toBe('s3://b/runs/one');
    expect(loadConfig(file, { out: 's3://other/' }).runDir).toBe('s3://other/one');
    expect(loadConfig(file, { out: 'local' }).configSha256).toBe(loaded.configSha256);
    const fault = { kind: 'data-missing', value: 's3://b/x.npy', remedy: expect.stringContaining('mount') };
    expect(() => checkFilesExist(loaded)).toThrow(
      expect.objectContaining({ fault: expect.objectContaining(fault) }),
    );
  });

  it('runs code of a module only when it is told to', () => {
    const text = 'kind: metflow\ntarget: {module: ./t.ts}\nkernels: [{type: nuts}]\n';
    expect(faultOfConfig(text)).toMatchObject({
      kind: 'code-not-allowed',
      where: expect.stringMatching(/: target.module$/),
      value: './t.ts',
      remedy: expect.stringContaining('--allow-code'),
    });
    const file = join(folder, 'module.yaml');
    writeFileSync(file, text);
    const { config } = loadConfig(file, { allowCode: true });
    expect(config).toMatchObject({ target: { module: join(folder, 't.ts'), options: {} } });
  });

  it('refuses another kind, or none', () => {
    expect(faultOfConfig('kind: sweeep\n')).toMatchObject({ kind: 'config-invalid', value: '"sweeep"' });
    expect(faultOfConfig('kind: sweeep\n').remedy).toContain('did you mean sweep?');
    expect(faultOfConfig('seed: 1\n')).toMatchObject({ where: `${file}: kind`, what: 'this key is missing' });
  });
});

describe('checkFilesExist', () => {
  it('names the first file that is missing, and lets patterns pass', () => {
    expect(faultOf(() => checkFilesExist(loadConfig(file)))).toMatchObject({
      kind: 'model-missing',
      where: 'digits.yaml: model.file',
      value: join(folder, 'nets/model.onnx'),
    });
    mkdirSync(join(folder, 'nets'));
    writeFileSync(join(folder, 'nets/model.onnx'), '');
    expect(faultOf(() => checkFilesExist(loadConfig(file)))).toMatchObject({
      kind: 'data-missing',
      where: 'digits.yaml: dataset.data',
      value: join(folder, 'data/more'),
    });
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data/more'), '');
    writeFileSync(join(folder, 'data/labels'), '');
    expect(() => checkFilesExist(loadConfig(file))).not.toThrow();
  });
});
