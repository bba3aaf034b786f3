import type { PipelineFault } from '#schemas/errors.ts';
import type { RunRecords } from './ports.ts';

/** Notes in run.json that a run failed or was cancelled. */
export function markEnded(records: RunRecords) {
  return ({
    runDir,
    status,
    fault,
  }: {
    runDir: string;
    status: 'failed' | 'cancelled';
    fault: PipelineFault | null;
  }): Promise<void> => records.markEnded(runDir, status, fault);
}
