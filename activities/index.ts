// The composition point: activities close over their ports.

import { aggregateRegions } from './aggregate-regions.ts';
import { collectDraws } from './collect-draws.ts';
import { collectRows } from './collect-rows.ts';
import { commitImages } from './commit-images.ts';
import { commitLens } from './commit-lens.ts';
import { commitMetflow } from './commit-metflow.ts';
import { commitSweep } from './commit-sweep.ts';
import { diagnoseChains } from './diagnose-chains.ts';
import { encodeShards } from './encode-shards.ts';
import { markEnded } from './mark-ended.ts';
import { planImages } from './plan-images.ts';
import { planLens } from './plan-lens.ts';
import { planMetflow } from './plan-metflow.ts';
import { planShards } from './plan-shards.ts';
import type { Compute, RunRecords } from './ports.ts';
import { runChainSegment } from './run-chain-segment.ts';
import { runImageTask } from './run-image-task.ts';
import { runLensTask } from './run-lens-task.ts';
import { trainFlow } from './train-flow.ts';

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
    planMetflow: planMetflow(compute),
    trainFlow: trainFlow(compute),
    runChainSegment: runChainSegment(compute),
    collectDraws: collectDraws(compute),
    diagnoseChains: diagnoseChains(compute),
    commitMetflow: commitMetflow(compute),
    planImages: planImages(compute),
    runImageTask: runImageTask(compute),
    commitImages: commitImages(compute),
    markEnded: markEnded(records),
  };
}

export type Activities = ReturnType<typeof createActivities>;
