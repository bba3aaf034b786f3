// The invariant: whatever a file holds, reading it ends in success or a contract error, within 5 s and 1 GB. `npm run fuzz` runs
// many more cases.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCampaign } from './campaign.ts';
import { FORMATS, writeFiles } from './formats.ts';

const CASES = 200;
const formats = Object.keys(FORMATS);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-fuzz-seeds-'));
  process.env.TESSERA_CACHE = join(folder, 'cache');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(formats)('%s', (name) => {
  it('reads its valid files, or mutations of them would prove nothing', async () => {
    const format = FORMATS[name]!;
    const made = join(folder, name);
    await mkdir(made, { recursive: true });
    for (const [i, seed] of (await format.seeds(made)).entries()) {
      await writeFiles(join(made, String(i)), seed.files);
      await format.run(join(made, String(i)), seed);
    }
  });

  it(`ends ${CASES} mutated files in success or a contract error`, async () => {
    const { outcomes, failed } = await runCampaign({ format: name, seed: 1, cases: CASES });
    expect(failed).toEqual([]);
    expect([...outcomes.values()].reduce((a, b) => a + b, 0)).toBe(CASES);
  });
});

it.each([
  ['parquet', 3930, 'a page that wants 512 MB', 'data-invalid'],
  ['tokenizer', 4033, 'a token without an id', 'data-invalid'],
  ['onnx', 3663, 'an input of 3e12 numbers', 'model-invalid'],
])('%s case %i: %s', async (format, number, _what, outcome) => {
  const { outcomes, failed } = await runCampaign({ format, seed: 0, from: number, cases: 1 });
  expect(failed).toEqual([]);
  expect([...outcomes.keys()]).toEqual([outcome]);
});
