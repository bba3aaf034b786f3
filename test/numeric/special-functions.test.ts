// erf, erfc, atan and asin in double precision against 50-digit values (test/golden/special/make_special.py).

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import '../../activities/numeric/float16-array.ts';
import { numpy as np, scipySpecial, type Array as JaxArray } from '@jax-js/jax';
import { compileFunction } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';

const GOLDEN = new URL('../golden/special/special.json', import.meta.url);
const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Record<string, number[]>;
const runner = createProgramRunner();

const FUNCTIONS: Record<string, { fn: (x: JaxArray) => JaxArray; at: string }> = {
  erf: { fn: (x) => scipySpecial.erf(x), at: 'points' },
  erfc: { fn: (x) => scipySpecial.erfc(x), at: 'points' },
  atan: { fn: (x) => np.arctan(x), at: 'points' },
  asin: { fn: (x) => np.arcsin(x), at: 'unit' },
};

describe('in double precision', () => {
  it.each(Object.entries(FUNCTIONS))('%s has 15 digits', async (name, { fn, at }) => {
    const points = Float64Array.from(golden[at]!);
    const dims = [points.length];
    const program = await runner.open(
      compileFunction(({ x }) => ({ y: fn(x!) }), [{ name: 'x', type: 'float64', dims }]),
    );
    const [found] = await program.run([points]);
    await program.close();
    for (const [i, value] of golden[name]!.entries()) {
      const gap = Math.abs(Number(found![i]) - value);
      // erf is 1 - erfc, so near 0 its error is one of 1's last digits; the tails of erfc are relative.
      const scale = name === 'erfc' ? Math.abs(value) * 10 : 1;
      expect(gap, `${name}(${points[i]})`).toBeLessThanOrEqual(2e-15 * Math.max(scale, 1e-300));
    }
  });
});
