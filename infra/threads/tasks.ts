// The functions a pool thread can be asked for, by name. Each loads its code when it is first asked for: an aggregator
// needs no model runtime, an encoder no Parquet writer, and what a thread does not load does not delay it.

import type { SharedWork } from './cluster.ts';
import { threadTask } from './task-context.ts';

export const plan = threadTask<'plan'>(async (...task) => (await import('./plan.ts')).planTask(...task));
export const encode = threadTask<'encode'>(async (...task) =>
  (await import('./encode.ts')).encodeTask(...task),
);
export const aggregate = threadTask<'aggregate'>(async (...task) =>
  (await import('./aggregate.ts')).aggregateTask(...task),
);
export const commit = threadTask<'commit'>(async (...task) =>
  (await import('./commit.ts')).commitTask(...task),
);
export const planLens = threadTask<'planLens'>(async (...task) =>
  (await import('./plan-lens.ts')).planLensTask(...task),
);
export const lensTask = threadTask<'lensTask'>(async (...task) =>
  (await import('./lens-task.ts')).lensTask(...task),
);
export const clusterJobs = threadTask<'clusterJobs'>(async ({ work, counters }, { signal }) => {
  const { takeJobs } = await import('./cluster.ts');
  // Structured clone keeps what the asking thread sent.
  await takeJobs({ work: work as SharedWork['work'], counters }, { signal });
  return null;
});
export const collect = threadTask<'collect'>(async (...task) =>
  (await import('./collect.ts')).collectTask(...task),
);
export const commitLens = threadTask<'commitLens'>(async (...task) =>
  (await import('./commit-lens.ts')).commitLensTask(...task),
);
export const commitPart = threadTask<'commitPart'>(async (...task) =>
  (await import('./commit.ts')).commitPartTask(...task),
);
export const planImages = threadTask<'planImages'>(async (...task) =>
  (await import('./images-plan.ts')).planImagesTask(...task),
);
export const imageTask = threadTask<'imageTask'>(async (...task) =>
  (await import('./images-task.ts')).imageTask(...task),
);
export const commitImages = threadTask<'commitImages'>(async (input) =>
  (await import('./images-commit.ts')).commitImagesTask(input),
);
export const planMetflow = threadTask<'planMetflow'>(async (...task) =>
  (await import('./metflow-plan.ts')).planMetflowTask(...task),
);
export const trainFlow = threadTask<'trainFlow'>(async (...task) =>
  (await import('./metflow-train.ts')).trainFlowTask(...task),
);
export const chainSegment = threadTask<'chainSegment'>(async (...task) =>
  (await import('./metflow-segment.ts')).chainSegmentTask(...task),
);
export const collectDraws = threadTask<'collectDraws'>(async (...task) =>
  (await import('./metflow-collect.ts')).collectDrawsTask(...task),
);
export const diagnoseChains = threadTask<'diagnoseChains'>(async (...task) =>
  (await import('./metflow-diagnose.ts')).diagnoseChainsTask(...task),
);
export const commitMetflow = threadTask<'commitMetflow'>(async (input) =>
  (await import('./metflow-commit.ts')).commitMetflowTask(input),
);
