// Preloaded into workers: when the command that started this process is gone, its end of our stdin closes, and the worker
// shuts down in order, as on SIGTERM. Without it a `kill -9` of the command would leave workers behind.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.stdin.on('error', () => undefined);
  process.stdin.on('close', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
  process.stdin.unref();
}
