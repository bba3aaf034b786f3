// Registry of workflow types.

export { corpusSweep } from './corpus-sweep.ts';
export { scheduledSweep } from './scheduled-sweep.ts';
