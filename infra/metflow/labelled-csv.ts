// A small table of numbers as text: names in the first line, the label in the last column.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PipelineError } from '#schemas/errors.ts';
import type { LogisticData } from '../../activities/metflow/targets/logistic-regression.ts';

/**
 * Reads the whole file.
 * @returns features `[rows, columns - 1]`, labels, and the SHA-256 of the bytes.
 * @throws PipelineError `data-missing`, or `data-invalid` naming the line that is wrong.
 */
export async function readLabelledCsv(
  file: string,
): Promise<{ readonly data: LogisticData; readonly sha256: string }> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    const what = error.code === 'ENOENT' ? 'no such file' : `the file cannot be read (${error.code})`;
    const remedy = 'Paths in a config are relative to its folder.';
    throw new PipelineError({ kind: 'data-missing', where: 'target.data', what, value: file, remedy });
  });
  const [names = '', ...lines] = bytes.toString('utf8').trimEnd().split(/\r?\n/);
  const columns = names.split(',').length;
  const rows = lines.map((line, i) => numbersOf(line, columns, `${file}, line ${i + 2}`));
  return {
    data: {
      features: Float64Array.from(rows.flatMap((row) => row.slice(0, -1))),
      labels: rows.map((row) => row.at(-1)!),
    },
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

function numbersOf(line: string, columns: number, where: string): number[] {
  const cells = line.split(',');
  const numbers = cells.map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)));
  if (numbers.length === columns && numbers.every(Number.isFinite)) return numbers;
  throw new PipelineError({
    kind: 'data-invalid',
    where,
    what: `a line holds ${columns} finite numbers`,
    value: line.slice(0, 60),
  });
}
