// Faults of reading data, built in one place so that every format words them alike.

import { PipelineError } from '#schemas/errors.ts';

interface Details {
  readonly value?: string | undefined;
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** Bytes that are not what the format says: wrong magic, truncation, undecodable rows. */
export function dataInvalid(where: string, what: string, details: Details = {}): PipelineError {
  return fault('data-invalid', where, what, details);
}

/** A file that is not there or cannot be opened. */
export function dataMissing(where: string, what: string, details: Details = {}): PipelineError {
  return fault('data-missing', where, what, details);
}

/** Labels that do not pair up with the samples. */
export function labelMismatch(where: string, what: string, details: Details = {}): PipelineError {
  return fault('label-mismatch', where, what, details);
}

/** A config key whose value makes no sense for this data set. */
export function configInvalid(where: string, what: string, details: Details = {}): PipelineError {
  return fault('config-invalid', where, what, details);
}

/** A sample whose shape is not the shape that the model wants. */
export function shapeMismatch(
  where: string,
  found: readonly number[],
  wanted: readonly number[],
): PipelineError {
  return fault(
    'shape-mismatch',
    where,
    `a sample has shape [${found}] and dataset.transform.shape is [${wanted}]`,
    {
      remedy: 'Give dataset.transform.shape as many values as one sample of the data has',
    },
  );
}

/** NaN or infinity in the data, or a value that overflows float32 after the transform. */
export function nonFinite(file: string, row: number, value: number): PipelineError {
  return fault('non-finite-input', `${file} row ${row}`, 'the input is not finite', { value: String(value) });
}

/**
 * True for a fault that `dataset.onError: skip` may leave out: the file is bad, not the config or the
 * machine.
 */
export function isBadFile(error: unknown): error is PipelineError {
  const skippable = ['data-invalid', 'label-mismatch', 'non-finite-input', 'shape-mismatch', 'data-missing'];
  return error instanceof PipelineError && skippable.includes(error.fault.kind);
}

function fault(
  kind:
    | 'data-invalid'
    | 'data-missing'
    | 'label-mismatch'
    | 'config-invalid'
    | 'shape-mismatch'
    | 'non-finite-input',
  where: string,
  what: string,
  { value, remedy, cause }: Details,
): PipelineError {
  const data = {
    kind,
    where,
    what,
    ...(value === undefined ? {} : { value }),
    ...(remedy === undefined ? {} : { remedy }),
  };
  return new PipelineError(data, cause === undefined ? undefined : { cause });
}
