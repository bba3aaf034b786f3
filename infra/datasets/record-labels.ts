// Label files of IDX and npy data: integers, one per row of the data file that they belong to.

import { setImmediate } from 'node:timers/promises';
import type { ReadProgress } from './data-file.ts';
import { DTYPES } from './dtypes.ts';
import { dataInvalid, labelMismatch } from './faults.ts';
import type { RecordPart } from './record-parts.ts';
import { openParts, planPart } from './record-parts.ts';

const SCAN_ROWS = 1 << 20;

/**
 * Checks the label file of one data file and finds its largest label.
 * @throws PipelineError `label-mismatch` naming both files and counts; `data-invalid` for labels that are no
 * class ids.
 */
export async function pairLabels(
  data: RecordPart,
  labelFile: string,
  options: ReadProgress & { format: 'idx' | 'npy' },
): Promise<{ part: RecordPart; classes: number }> {
  const part = await planPart(labelFile, options);
  if (part.rows !== data.rows) {
    const counts = `${data.file.path} has ${data.rows} rows and ${part.file.path} has ${part.rows} labels`;
    throw labelMismatch(part.file.path, 'data and labels differ in number', { value: counts });
  }
  if (part.shape.some((size) => size !== 1)) {
    throw dataInvalid(part.file.path, 'a label file holds one number per row', {
      value: `shape [${part.rows},${part.shape}]`,
    });
  }
  if (DTYPES[part.dtype].float) {
    throw dataInvalid(part.file.path, 'labels must be integers', { value: part.dtype });
  }
  return { part, classes: (await largestLabel(part, options)) + 1 };
}

async function largestLabel(part: RecordPart, options: ReadProgress): Promise<number> {
  await using open = await openParts([part], options);
  let largest = -1;
  for (let first = 0; first < part.rows; first += SCAN_ROWS) {
    options.signal?.throwIfAborted();
    options.onProgress?.(`labels: ${first} of ${part.rows}`);
    for await (const { numbers, row, rows } of open.rows(first, Math.min(SCAN_ROWS, part.rows - first))) {
      for (let i = 0; i < rows; i++) {
        const label = numbers[i] as number;
        if (label < -1 || label > 0x7fffffff) {
          throw dataInvalid(`${part.file.path} row ${row + i}`, 'a label is out of range', {
            value: String(label),
          });
        }
        if (label > largest) largest = label;
      }
    }
    await setImmediate();
  }
  return largest;
}
