// Registry of workflow types.

export { corpusSweep } from './corpus-sweep.ts';
export { lensExperiment } from './lens-experiment.ts';
export { scheduledRun } from './scheduled-run.ts';
