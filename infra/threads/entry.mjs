// What a pool thread loads: plain JavaScript, because on Node 20 a thread does not inherit the TypeScript loader.

import { register } from 'tsx/esm/api';

register();
export const { plan, encode, aggregate, commit, commitPart } = await import('./tasks.ts');
