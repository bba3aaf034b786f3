// One firing of `tessera schedule`: a sweep whose run id ends in the time of the firing.

import { executeChild, workflowInfo } from '@temporalio/workflow';
import { type SweepInput, type RunResult, runWorkflowId } from '../schemas/messages.ts';
import { corpusSweep } from './corpus-sweep.ts';

/** Starts `<run>-<UTC time>` as a child in a folder of its own. */
export function scheduledSweep(input: SweepInput): Promise<RunResult> {
  const stamp = workflowInfo().startTime.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const runId = `${input.runId}-${stamp}`;
  const runDir = `${input.runDir}-${stamp}`;
  return executeChild(corpusSweep, {
    workflowId: runWorkflowId(runId),
    args: [{ ...input, runId, runDir }],
  });
}
