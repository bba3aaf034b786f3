// Targets of the user's own: what a module may be, and how each way of being none is told.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { beginChains, runSegment } from '../../../activities/metflow/chains/chain-run.ts';
import { localSweep } from '../../../activities/metflow/chains/configured-kernels.ts';
import { openTarget, type OpenTarget } from '../../../activities/metflow/targets/open-target.ts';
import { createProgramRunner } from '../../../infra/metflow/program-runner.ts';
import { loadTargetModule } from '../../../infra/metflow/target-module.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';

let folder: string;
const { signal } = new AbortController();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'targets-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(code: string, options: Record<string, number> = {}, name = 'target.ts') {
  const module = join(folder, name);
  writeFileSync(module, code);
  return loadTargetModule({ module, options });
}

const NORMAL = 'export const logDensity = (z: any) => z.ref.mul(z).sum(1).mul(-0.5);';

/** Starts two chains near 0 and takes some draws by a random walk. */
async function sampled(target: OpenTarget, draws: number) {
  const { kernels } = metflowConfig.parse({
    kind: 'metflow',
    target: { name: 'banana' },
    kernels: [{ type: 'rwm', stepSize: 1.5 }],
  });
  const config = { kernels, sample: { accept: 'metropolis' } } as ReturnType<typeof metflowConfig.parse>;
  const sampler = {
    target,
    kernels: localSweep(config, target),
    seed: 1,
    chains: Uint32Array.of(0, 1),
    warmup: 0,
    thin: 1,
    start: { mean: new Float64Array(target.dim), scale: new Float64Array(target.dim).fill(0.1) },
  };
  const run = await beginChains(sampler, signal);
  return (await runSegment(sampler, run, { to: { warmed: 0, drawn: draws }, signal })).draws!;
}

describe('a target module', () => {
  it('gives its density, in TypeScript, by exports or by a function of its options', async () => {
    const plain = await load(`export const dim = 3; export const logZ: number = 2; ${NORMAL}`);
    expect(plain.traced).toMatchObject({ dim: 3, logZ: 2 });
    const made = await load(
      `import { numpy as np } from '@jax-js/jax';
       export const target = ({ dim, rate }: { dim: number; rate: number }) => ({
         dim, logDensity: (z: any) => np.abs(z).sum(1).mul(-rate) });`,
      { dim: 2, rate: 3 },
    );
    const target = await openTarget(made.traced, { runner: createProgramRunner(), rows: 2 });
    const values = await target.logDensity(Float64Array.of(1, -2, 0.5, 0.25));
    await target.close();
    expect(Array.from(values, (value) => Number(value.toFixed(10)))).toEqual([-9, -2.25]);
  });

  it('has another identity with other code or other options', async () => {
    const first = await load(`export const dim = 3; ${NORMAL}`);
    const again = await load(`export const dim = 3; ${NORMAL}`);
    const other = await load(`export const dim = 4; ${NORMAL}`);
    const options = await load(`export const dim = 3; ${NORMAL}`, { unused: 1 });
    expect(again.sha256).toBe(first.sha256);
    expect(new Set([first.sha256, other.sha256, options.sha256]).size).toBe(3);
  });

  it.each([
    ['no dim', NORMAL, /dim is undefined/],
    ['a dim that is no whole number', `export const dim = 1.5; ${NORMAL}`, /dim is 1.5/],
    ['no density', 'export const dim = 2;', /exports logDensity/],
    ['code that throws', 'export const dim = 2; throw new Error("no data here");', /no data here/],
    ['code that does not parse', 'export const dim = ;', /cannot be read/],
    [
      'a density that throws',
      'export const dim = 2; export const logDensity = () => { throw new Error("not today"); };',
      /not today/,
    ],
    [
      'a density of one number for all rows',
      'export const dim = 2; export const logDensity = (z: any) => z.sum();',
      /\[batch, 2\] into \[batch\]/,
    ],
    [
      'a density of the wrong axis',
      'export const dim = 2; export const logDensity = (z: any) => z.sum(0);',
      /\[2\] for a batch of 3/,
    ],
    [
      'a target function that throws',
      'export const target = () => { throw new Error("unknown option"); };',
      /unknown option/,
    ],
  ])('with %s is told', async (_, code, message) => {
    const error = await load(code).catch((thrown) => thrown);
    expect(error.fault).toMatchObject({ kind: 'data-invalid' });
    expect(error.message).toMatch(message);
    expect(error.message).toContain('target');
  });

  it('that is not there is missing', async () => {
    const missing = loadTargetModule({ module: join(folder, 'nowhere.ts'), options: {} });
    await expect(missing).rejects.toMatchObject({ fault: { kind: 'data-missing', where: 'target.module' } });
  });

  it('whose density is NaN where chains start fails with the chain, not with NaN draws', async () => {
    const { traced } = await load(
      `import { numpy as np } from '@jax-js/jax';
       export const dim = 1; export const logDensity = (z: any) => np.log(z.mul(0).sub(1)).sum(1);`,
    );
    const target = await openTarget(traced, { runner: createProgramRunner(), rows: 2 });
    const error = await sampled(target, 1).catch((thrown) => thrown);
    await target.close();
    expect(error.fault).toMatchObject({ kind: 'non-finite-input', where: 'chain 0', value: 'NaN' });
  });

  it('whose density is NaN or -Infinity in places is never sampled there', async () => {
    // log(1 - z) is NaN above 1 and -Infinity at 1; below it a normal.
    const { traced } = await load(
      `import { numpy as np } from '@jax-js/jax';
       export const dim = 1;
       export const logDensity = (z: any) => {
         const half = z.ref.mul(z.ref).mul(-0.5);
         return np.log(z.mul(-1).add(1)).add(half).sum(1); };`,
    );
    const target = await openTarget(traced, { runner: createProgramRunner(), rows: 2 });
    const { z, logDensity, accepted } = await sampled(target, 400);
    await target.close();
    expect(Math.max(...z)).toBeLessThan(1);
    expect(Math.max(...z)).toBeGreaterThan(0.5);
    expect(logDensity.every(Number.isFinite)).toBe(true);
    expect(accepted.includes(0)).toBe(true);
  });
});
