// `dataset.onError`: a bad file fails planning, or is left out and listed.

import type { DatasetConfig } from '#schemas/config.ts';
import { describeFault } from '#schemas/errors.ts';
import { dataInvalid, isBadFile } from './faults.ts';

export interface Skipped {
  readonly file: string;
  readonly why: string;
}

/**
 * Plans each file in order; with `onError: skip` leaves out those whose planning throws a fault of the data.
 * @throws the first fault with `onError: fail`; `data-invalid` where no file is left.
 */
export async function keepGood<T>(
  files: readonly string[],
  { onError }: Pick<DatasetConfig, 'onError'>,
  planFile: (file: string, index: number) => Promise<T>,
): Promise<{ kept: T[]; skipped: Skipped[] }> {
  const kept: T[] = [];
  const skipped: Skipped[] = [];
  for (const [index, file] of files.entries()) {
    try {
      kept.push(await planFile(file, index));
    } catch (error) {
      if (onError === 'fail' || !isBadFile(error)) throw error;
      skipped.push({ file, why: describeFault(error.fault) });
    }
  }
  const last = skipped.at(-1);
  if (kept.length === 0 && last !== undefined) {
    throw dataInvalid(last.file, 'every data file is bad, so nothing is left to sweep', { value: last.why });
  }
  return { kept, skipped };
}
