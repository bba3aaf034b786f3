// Entry of a worker thread: Node 20 does not take loaders for workers from execArgv, so TypeScript is registered here.

import { register } from 'tsx/esm/api';

register();
await import('./tfjs-thread.ts');
