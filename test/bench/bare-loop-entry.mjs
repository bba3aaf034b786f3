// What a thread of the bare loop loads: on Node 20 a thread does not inherit the TypeScript loader.

import { register } from 'tsx/esm/api';

register();
await import('./bare-loop-thread.ts');
