// The invariant: whatever stands in a run.json, every command that reads it goes on or tells the file, the key and a remedy. The
// mutations are systematic: every key and list entry of whole manifests, removed and replaced by values of other types.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import { chainLines } from '../../../infra/cli/chain-lines.ts';
import { claimLines } from '../../../infra/cli/claim-lines.ts';
import { imageLines } from '../../../infra/cli/image-lines.ts';
import { EMPTY_METER } from '../../../infra/cli/progress.ts';
import { runShell } from '../../../infra/cli/shell.ts';
import { stateOf } from '../../../infra/cli/status-command.ts';
import { loadConfig } from '../../../infra/config/load-config.ts';
import { checkRecordedConfig, manifestOf } from '../../../infra/manifest-shape.ts';
import { type Json, mutants, mutated, STRANGE } from '../mutants.ts';
import { makeSweep } from '../report/make-run.ts';
import { recordingTerminal } from './recording-terminal.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../golden/', import.meta.url));
const FILE = '/runs/r/run.json';
/** The config's own keys are left to its schema. */
const outsideConfig = ([top]: readonly string[]) => top !== 'config';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-damaged-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  vi.stubEnv('TESSERA_HOME', join(folder, 'home'));
  vi.stubEnv('TEMPORAL_ADDRESS', '');
  vi.stubEnv('KAFKA_BROKERS', '');
});

async function tessera(...args: readonly string[]) {
  const terminal = recordingTerminal();
  const code = await runShell(args, terminal);
  return { code, out: terminal.answers.join('\n'), err: terminal.notes.join('\n') };
}

/** A manifest with every key that any run has. */
function wholeManifest(): RunManifest {
  const { config, configSha256 } = loadConfig(join(EXAMPLES, 'metflow/ring.yaml'));
  const row = { parameter: 'z[0]', mean: 0.5, r_hat: 1.001, visited: true, mass_error: 0.01 };
  const mass = { span: 'network', heaviest: [row], rest: row, rows: 2, reliableRows: 1, reliableMass: 0.5 };
  return {
    runId: 'r',
    kind: 'metflow',
    status: 'done',
    config,
    configSha256,
    model: { file: 'm.onnx', sha256: 'ab', backend: 'onnxruntime-node/cpu', packing: 'auto' },
    data: { sha256: 'cd', files: [{ file: 'd.idx', sha256: 'ef', bytes: 16 }] },
    files: [{ key: 'target.module', file: 't.ts', sha256: '01' }],
    versions: { tessera: '0.1.0' },
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    seconds: 60,
    rows: { draws: 100 },
    restarts: 1,
    skipped: [{ file: 'a.png', why: 'it is no picture' }],
    notices: ['n'],
    claims: [{ claim: 'c', model: 'trained', span: 's', effect: 0.5, p_value: null, verdict: 'supported' }],
    chains: {
      draws: 100,
      trainingSeconds: 2,
      samplingSeconds: 3,
      diagnostics: [row],
      kernels: [row],
      modes: [row],
      regions: [row],
      levels: [row],
      masses: [mass],
      bounds: [row],
    },
    nets: [{ key: 'vae', file: 'vae.onnx', sha256: '23' }],
    summary: [{ model: 'hmc', image: 1, lit_r_hat: 1.01 }],
    fault: { kind: 'data-invalid', what: 'w', where: 'x', value: 'v', tried: ['t'], remedy: 'r' },
  };
}

/** Reads a manifest and tells all that the command line tells of it; the fault where it was refused. */
function told(content: Json): PipelineError | null {
  let manifest: RunManifest;
  try {
    manifest = manifestOf(FILE, content);
  } catch (error) {
    if (error instanceof PipelineError) return error;
    throw error;
  }
  const run = { runId: 'r', runDir: '/runs/r', configFile: null, manifest, damaged: null };
  stateOf(run, { meter: EMPTY_METER, open: false });
  claimLines(manifest.claims ?? []);
  imageLines(manifest.summary ?? []);
  if (manifest.chains !== undefined) chainLines('r', manifest.chains);
  return null;
}

it('every mutation of a whole manifest is told with file and key, or can be shown', () => {
  const all = mutants(wholeManifest(), outsideConfig);
  expect(told(JSON.parse(JSON.stringify(wholeManifest())))).toBeNull();
  const refused = all.map(told).filter((error) => error !== null);
  for (const { fault } of refused) {
    expect(fault).toMatchObject({
      kind: 'data-invalid',
      what: expect.any(String),
      value: expect.any(String),
    });
    expect(fault.where).toMatch(/^\/runs\/r\/run\.json: \w+/);
    expect(fault.remedy).toContain('Restore the file');
  }
  expect(refused.length).toBeGreaterThan(all.length / 2);
});

it.each(STRANGE.filter((value) => value !== undefined))('%j instead of a manifest is told', (content) => {
  expect(told(content as Json)?.fault).toMatchObject({
    kind: 'data-invalid',
    where: expect.stringContaining(FILE),
  });
});

it('takes the manifest of the previous release, and configs of every kind as they are recorded', () => {
  const begun = join(GOLDEN, 'release-0.1.0/begun/run.json');
  const old = manifestOf(begun, JSON.parse(readFileSync(begun, 'utf8')));
  checkRecordedConfig(begun, old);
  const names = [
    'mnist-mlp/sweep',
    'mnist-mlp/clusters',
    'mnist-mlp/compare',
    'metflow/polytope',
    'metflow/vae',
  ];
  for (const name of names)
    checkRecordedConfig(FILE, loadConfig(join(EXAMPLES, `${name}.yaml`), { allowCode: true }));
});

it('list and status show the sound runs, and tell each damaged one', async () => {
  const out = join(folder, 'many');
  const whole = JSON.parse(JSON.stringify(wholeManifest())) as Json;
  const files: Readonly<Record<string, Json>> = {
    sound: whole,
    'no-created': mutated(whole, ['createdAt'], undefined),
    'list-of-rows': mutated(whole, ['rows'], []),
    'odd-status': mutated(whole, ['status'], 'finished'),
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(out, name), { recursive: true });
    writeFileSync(join(out, name, 'run.json'), JSON.stringify(content));
  }
  for (const command of ['list', 'status']) {
    const { code, out: shown, err } = await tessera(command, '--out', out);
    expect([command, code]).toEqual([command, 0]);
    for (const key of [
      'no-created/run.json: createdAt',
      'list-of-rows/run.json: rows',
      'odd-status/run.json: status',
    ])
      expect(err).toContain(key);
    if (command === 'list') expect(shown).toContain('2026-01-01 00:00:00');
  }
  const one = await tessera('status', 'no-created', '--out', out);
  expect([one.code, one.err]).toEqual([3, expect.stringContaining('run.json: createdAt')]);
  const extended = await tessera('extend', 'no-created', '--draws', '5', '--out', out);
  expect([extended.code, extended.err]).toEqual([3, expect.stringContaining('run.json: createdAt')]);
});

it('report tells what is wrong in run.json and in the config that it holds', async () => {
  const { runDir } = await makeSweep(folder, { runId: 'made', regions: 4 });
  const whole = JSON.parse(readFileSync(join(runDir, 'run.json'), 'utf8')) as Json;
  const output = join(folder, 'report.html');
  for (const [path, to] of [
    [['model'], undefined],
    [['config', 'seed'], undefined],
    [['config', 'model'], null],
    [['config', 'codes'], undefined],
    [['config', 'dataset', 'format'], 'idy'],
    [['config', 'dataset', 'transform', 'scale'], 'x'],
    [['config', 'kind'], 'lens'],
  ] as const) {
    writeFileSync(join(runDir, 'run.json'), JSON.stringify(mutated(whole, path, to)));
    const { code, err } = await tessera('report', runDir, '--output', output);
    expect([code, err]).toEqual([3, expect.stringContaining(`run.json: ${path.join('.')}`)]);
  }
  writeFileSync(join(runDir, 'run.json'), JSON.stringify(whole));
  expect((await tessera('report', runDir, '--output', output)).code).toBe(0);
});
