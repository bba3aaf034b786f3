// One firing of `tessera schedule`: a run whose id ends in the time of the firing.

import { executeChild, workflowInfo } from '@temporalio/workflow';
import { type RunInput, type RunResult, runWorkflowId, workflowOf } from '../schemas/messages.ts';

/** Starts `<run>-<UTC time>` as a child in a folder of its own. */
export function scheduledRun(input: RunInput): Promise<RunResult> {
  const stamp = workflowInfo().startTime.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const runId = `${input.runId}-${stamp}`;
  const runDir = `${input.runDir}-${stamp}`;
  return executeChild(workflowOf(input.config), {
    workflowId: runWorkflowId(runId),
    args: [{ ...input, runId, runDir }],
  });
}
