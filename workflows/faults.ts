// A fault out of the chain of Temporal failures that carried it.

import { ApplicationFailure } from '@temporalio/workflow';
import type { PipelineFault } from '../schemas/errors.ts';

/** The innermost fault that an activity gave, or null where something else failed. */
export function faultOfFailure(error: unknown): PipelineFault | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApplicationFailure && at.details?.[0] !== undefined)
      return at.details[0] as PipelineFault;
  }
  return null;
}
