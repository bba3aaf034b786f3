// Option types of the reader port, named once for the formats.

import type { DatasetReader } from '../../activities/ports.ts';

export type PlanOptions = Parameters<DatasetReader['plan']>[0];
export type ReadOptions = Parameters<DatasetReader['read']>[1];
