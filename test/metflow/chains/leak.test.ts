// Memory of a chain worker does not grow over 10,000 segments, in a process of its own. Only compiling touches jax-js, whose arrays are
// counted by hand: none is left over.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Grown, Held } from './leak-process.ts';

const PROCESS = fileURLToPath(new URL('leak-process.ts', import.meta.url));

it('a chain worker holds no more after 10,000 segments than after the first ones', () => {
  const printed = execFileSync(process.execPath, ['--import', 'tsx', PROCESS], { encoding: 'utf8' });
  const { drawn, seen } = JSON.parse(printed.trim().split('\n').at(-1)!) as Grown;
  expect(drawn).toBe(10_000);
  const [settled, middle, end] = seen as [Held, Held, Held];
  // 4,000 segments that kept one array of 64 bytes each would hold 256 kB more; what is compiled late stands in one half only.
  expect(Math.min(middle.own - settled.own, end.own - middle.own)).toBeLessThan(200_000);
  expect(end.resident - settled.resident).toBeLessThan(40_000_000);
}, 180_000);
