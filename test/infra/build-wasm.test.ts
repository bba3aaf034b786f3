import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { compileKernel, kernelModule, WASM_KERNELS } from '../../infra/build-wasm.ts';

describe.each(WASM_KERNELS)('$source', (kernel) => {
  it('was compiled into the committed bytes', async () => {
    const committed = await readFile(new URL(`../../${kernel.output}`, import.meta.url), 'utf8');
    expect(committed).toBe(kernelModule(kernel, await compileKernel(kernel.source)));
  }, 60_000);
});
