// The composition point: activities close over their ports.

import { aggregateRegions } from './aggregate-regions.ts';
import { collectRows } from './collect-rows.ts';
import { commitLens } from './commit-lens.ts';
import { commitSweep } from './commit-sweep.ts';
import { encodeShards } from './encode-shards.ts';
import { markEnded } from './mark-ended.ts';
import { planLens } from './plan-lens.ts';
import { planShards } from './plan-shards.ts';
import type { Compute, RunRecords } from './ports.ts';
import { runLensTask } from './run-lens-task.ts';

export interface ActivityPorts {
  readonly compute: Compute;
  readonly records: RunRecords;
}

/** All activities by name. Workflows import only the type. */
export function createActivities({ compute, records }: ActivityPorts) {
  return {
    planShards: planShards(compute),
    encodeShards: encodeShards(compute),
    aggregateRegions: aggregateRegions(compute),
    commitSweep: commitSweep(compute),
    planLens: planLens(compute),
    runLensTask: runLensTask(compute),
    collectRows: collectRows(compute),
    commitLens: commitLens(compute),
    markEnded: markEnded(records),
  };
}

export type Activities = ReturnType<typeof createActivities>;
