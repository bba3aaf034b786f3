// What can be wrong with the rows that a region table is given.

import { PipelineError } from '#schemas/errors.ts';

export function digestCollision(span: number, firstPointId: number): PipelineError {
  return new PipelineError({
    kind: 'digest-collision',
    what: 'two codes have the same digest',
    where: `span ${span}, point ${firstPointId}`,
    remedy: 'Please report it: digests have 128 bits, so this means a fault in memory or in the program.',
  });
}

export function widthMismatch(span: number, words: number, spanWords: readonly number[]): PipelineError {
  const expected = spanWords[span];
  return new PipelineError({
    kind: 'code-width-mismatch',
    what: `a code of span ${span} has ${words * 4} bytes`,
    value: expected === undefined ? 'no such span' : `${expected * 4} expected`,
  });
}
