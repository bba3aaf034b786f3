import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { V8_FLAGS, workerEnvironment } from '../../../infra/cli/worker-process.ts';

it('keeps float32 products of a GPU whole, unless the environment says otherwise', () => {
  expect(workerEnvironment({ PATH: 'p' }, { A: '1' })).toMatchObject({
    NVIDIA_TF32_OVERRIDE: '0',
    PATH: 'p',
    A: '1',
  });
  expect(workerEnvironment({ NVIDIA_TF32_OVERRIDE: '1' }, {}).NVIDIA_TF32_OVERRIDE).toBe('1');
});

it('gives workers no flag that this Node refuses', () => {
  expect(execFileSync(process.execPath, [...V8_FLAGS, '-p', '1']).toString()).toBe('1\n');
});
