// The functions a pool thread can be asked for, by name.

import { aggregateTask } from './aggregate.ts';
import { commitPartTask, commitTask } from './commit.ts';
import { encodeTask } from './encode.ts';
import { planTask } from './plan.ts';
import { threadTask } from './task-context.ts';

export const plan = threadTask<'plan'>(planTask);
export const encode = threadTask<'encode'>(encodeTask);
export const aggregate = threadTask<'aggregate'>(aggregateTask);
export const commit = threadTask<'commit'>(commitTask);
export const commitPart = threadTask<'commitPart'>(commitPartTask);
