// One thread that helps to cluster, as a thread of the pool would.

import { parentPort } from 'node:worker_threads';
import { type SharedWork, takeJobs } from '../../infra/threads/cluster.ts';

parentPort!.on('message', async (shared: SharedWork) => {
  await takeJobs(shared);
});
parentPort!.postMessage('ready');
