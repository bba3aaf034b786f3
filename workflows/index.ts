// Registry of workflow types.

export { corpusSweep } from './corpus-sweep.ts';
export { imageExperiment } from './image-experiment.ts';
export { lensExperiment } from './lens-experiment.ts';
export { metflowChains } from './metflow-chains.ts';
export { metflowExperiment } from './metflow-experiment.ts';
export { scheduledRun } from './scheduled-run.ts';
