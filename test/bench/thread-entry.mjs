// What a thread of a bench loads: on Node 20 a thread does not inherit the TypeScript loader.

import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.module);
