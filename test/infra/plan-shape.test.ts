// The invariant: whatever stands in a plan.json, the commands that read it go on or tell the file, the key and a remedy.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readChainPlan, readDatasetPlan } from '../../infra/plan-shape.ts';
import { loadConfig } from '../../infra/config/load-config.ts';
import { runShell } from '../../infra/cli/shell.ts';
import { recordingTerminal } from './cli/recording-terminal.ts';
import { type Json, mutants, mutated, placesOf } from './mutants.ts';
import { makeSweep } from './report/make-run.ts';

let folder: string;
let sweep: { readonly runDir: string; readonly plan: Json };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-plan-'));
  vi.stubEnv('TESSERA_HOME', join(folder, 'home'));
  vi.stubEnv('TEMPORAL_ADDRESS', '');
  const { runDir } = await makeSweep(folder, { runId: 'planned', regions: 4 });
  sweep = { runDir, plan: JSON.parse(readFileSync(join(runDir, 'plan.json'), 'utf8')) as Json };
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function tessera(...args: readonly string[]) {
  const terminal = recordingTerminal();
  const code = await runShell(args, terminal);
  return { code, err: terminal.notes.join('\n') };
}

const CHAIN_PLAN: Json = {
  ...{
    runId: 'ring',
    configSha256: 'ab',
    dim: 2,
    target: { name: 'ring', sha256: 'cd' },
    groups: 2,
    ends: [60],
  },
  ...{ model: null, data: null, files: [], notices: [] },
};

it.each([
  ['sweep', ['shards', 'samples', 'points', 'sampleShape', 'labelNames', 'classes']],
  ['lens', ['data']],
  ['metflow', ['configSha256', 'dim', 'target', 'groups', 'ends']],
] as const)('a mutated plan of a %s is told with its key and value, or can be read', async (kind, keys) => {
  const runDir = join(folder, kind);
  mkdirSync(runDir);
  const whole = { sweep: sweep.plan, lens: { data: sweep.plan }, metflow: CHAIN_PLAN }[kind];
  const read = (plan: Json) => {
    writeFileSync(join(runDir, 'plan.json'), JSON.stringify(plan));
    return kind === 'metflow' ? readChainPlan(runDir) : readDatasetPlan(runDir, kind);
  };
  expect(await read(whole)).toEqual(kind === 'lens' ? sweep.plan : whole);
  const refused = new Set<string>();
  for (const mutant of mutants(whole, (path) => path.length < (kind === 'lens' ? 2 : 5))) {
    const fault = await read(mutant).then(
      () => null,
      (error) => error.fault,
    );
    if (fault === null) continue;
    expect(fault).toMatchObject({
      kind: 'data-invalid',
      value: expect.any(String),
      remedy: expect.any(String),
    });
    const [, key] = /plan\.json: (.+)$/.exec(fault.where) ?? [];
    refused.add(key!.split('.')[0]!);
  }
  expect([...refused].sort()).toEqual([...keys].sort());
  for (const content of [[], 'x', 1]) await expect(read(content)).rejects.toThrow(/no plan of a run/);
});

it('places of the plan that commands read are all mutated', () => {
  expect(placesOf(sweep.plan).map((path) => path.join('.'))).toEqual(
    expect.arrayContaining(['shards.0.samples', 'shards.0.locator', 'sampleShape.0', 'labelNames']),
  );
});

it('report, status and extend tell what is wrong in plan.json', async () => {
  const { runDir, plan } = sweep;
  const file = join(runDir, 'plan.json');
  const output = join(folder, 'report.html');
  const report = () => tessera('report', runDir, '--output', output);
  expect(await report()).toMatchObject({ code: 0 });
  for (const [path, to, value] of [
    [['shards', '0', 'samples'], 'x', '"x"'],
    [['sampleShape'], undefined, 'no such key'],
  ] as const) {
    writeFileSync(file, JSON.stringify(mutated(plan, path, to)));
    const { code, err } = await report();
    expect([code, err]).toEqual([3, expect.stringContaining(`plan.json: ${path.join('.')}`)]);
    expect(err).toContain(value);
  }
  writeFileSync(file, '{"shards": [');
  expect(await report()).toEqual({ code: 3, err: expect.stringMatching(/plan\.json.*holds no JSON/) });
  // Status needs no plan.
  expect(await tessera('status', runDir)).toMatchObject({ code: 0 });

  const chains = join(folder, 'ring');
  mkdirSync(chains);
  const { config, configSha256 } = loadConfig(join(import.meta.dirname, '../../examples/metflow/ring.yaml'));
  const manifest = JSON.parse(readFileSync(join(runDir, 'run.json'), 'utf8'));
  const known = {
    ...manifest,
    kind: 'metflow',
    runId: 'ring',
    config,
    configSha256,
    model: null,
    data: null,
  };
  writeFileSync(join(chains, 'run.json'), JSON.stringify(known));
  writeFileSync(join(chains, 'plan.json'), JSON.stringify(mutated(CHAIN_PLAN, ['ends'], [])));
  const extended = await tessera('extend', chains, '--draws', '5');
  expect(extended).toEqual({ code: 3, err: expect.stringContaining('plan.json: ends') });
});
