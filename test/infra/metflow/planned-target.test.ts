// The invariant: every task of a run has the target that was planned, or fails.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { namedTarget } from '../../../infra/metflow/named-targets.ts';
import { plannedTarget } from '../../../infra/metflow/planned-target.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-target-'));
const DATA = join(folder, 'data.csv');
const ROWS = 'a,label\n0.5,0\n1.5,1\n';
afterAll(() => rmSync(folder, { recursive: true }));

async function planned(target: object) {
  const config = metflowConfig.parse({ kind: 'metflow', target, kernels: [{ type: 'rwm' }] });
  const { name, sha256 } = await namedTarget(config.target, config.seed);
  return { config, target: { name, sha256 } };
}

it('is made once a run, and refused while a file of it is another one', async () => {
  writeFileSync(DATA, ROWS);
  const plan = await planned({ name: 'logistic', data: DATA });
  const first = await plannedTarget(plan);
  expect(first.traced.dim).toBe(2);
  expect(await plannedTarget({ ...plan })).toBe(first);
  await plannedTarget(await planned({ name: 'banana' }));
  writeFileSync(DATA, ROWS.replace('1.5', '2.5'));
  for (let tries = 0; tries < 2; tries++)
    await expect(plannedTarget(plan)).rejects.toThrow(/logistic is made of has changed since the run began/);
  rmSync(DATA);
  await expect(plannedTarget(plan)).rejects.toThrow(/no such/);
  writeFileSync(DATA, ROWS);
  expect((await plannedTarget(plan)).sha256).toBe(first.sha256);
});
