// Runs cases one after the other in a process of its own, which a case may crash, fill or hang: `campaign.ts` watches it.
// Arguments: format, seed, first case, number of cases, folder. One JSON line per case before and after it.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '#schemas/errors.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { FORMATS, type FuzzFormat, type FuzzSeed, writeFiles } from './formats.ts';
import { mutate, pick } from './mutations.ts';

/** What a case process says of a case. */
export type CaseLine =
  | { readonly at: 'start'; readonly number: number }
  | { readonly at: 'end'; readonly number: number; readonly outcome: string; readonly error?: string };

const [name = '', seed = '0', first = '0', count = '0', folder = ''] = process.argv.slice(2);
const format = FORMATS[name]!;
process.env.TESSERA_CACHE = join(folder, 'cache');
await mkdir(join(folder, 'seeds'), { recursive: true });
const seeds = await format.seeds(join(folder, 'seeds'));
for (let number = Number(first); number < Number(first) + Number(count); number++) {
  const changed = await prepare(number);
  say({ at: 'start', number });
  say({ at: 'end', number, ...(await outcomeOf(format, changed)) });
  await rm(changed.folder, { recursive: true, force: true });
}
process.exit(0);

/** Writes the files of one case, one of them mutated; the same number gives the same files. */
async function prepare(number: number): Promise<{ folder: string; seed: FuzzSeed }> {
  const random = randomStream(Number(seed), number);
  const chosen = pick(seeds, random);
  const files = {
    ...chosen.files,
    [chosen.mutated]: mutate(chosen.files[chosen.mutated]!, format.structure, random),
  };
  const place = join(folder, `case-${number}`);
  await writeFiles(place, files);
  return { folder: place, seed: { files, mutated: chosen.mutated } };
}

async function outcomeOf(
  { run, ownFiles }: FuzzFormat,
  changed: { folder: string; seed: FuzzSeed },
): Promise<{ outcome: string; error?: string }> {
  try {
    await run(changed.folder, changed.seed);
    return { outcome: 'read' };
  } catch (error) {
    if (error instanceof PipelineError && (error.fault.kind !== 'internal' || ownFiles))
      return { outcome: error.fault.kind };
    return {
      outcome: 'no contract error',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

function say(line: CaseLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
