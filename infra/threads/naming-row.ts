// Models know samples by their place in a batch, people by file and row.

import { PipelineError } from '#schemas/errors.ts';
import type { InputBatch } from '../../activities/ports.ts';

/** The fault of a sample that is not finite, naming the sample's source; every other error as it is. */
export function namingRow(error: unknown, { sourceIds }: Pick<InputBatch, 'sourceIds'>): unknown {
  if (!(error instanceof PipelineError) || error.fault.kind !== 'non-finite-input') return error;
  const row = Number(error.fault.where?.match(/\d+/)?.[0] ?? Number.NaN);
  const source = sourceIds[row];
  return source === undefined ? error : new PipelineError({ ...error.fault, where: source });
}
