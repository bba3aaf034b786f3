// Sessions run in worker threads: two at once, each with its own engine.

import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';

interface Answer {
  readonly codes: string[];
  /** Last-resort handlers of the process that loading added. */
  readonly added: number;
  readonly backend: string;
}

function encodeInWorker(backend: string): Promise<Answer> {
  const worker = new Worker(new URL('./tfjs-thread.mjs', import.meta.url), {
    workerData: { backend, file: 'examples/mnist-mlp/tfjs-graph/model.json' },
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const BACKENDS = ['wasm', ...(process.env['TESSERA_TFJS_NODE'] === undefined ? [] : ['node'])];

it.each(BACKENDS)(
  'two worker threads on %s give the same codes and leave the process its handlers',
  async (backend) => {
    const [first, second] = await Promise.all([encodeInWorker(backend), encodeInWorker(backend)]);
    expect(first).toMatchObject({ backend: `tfjs/${backend}`, added: 0 });
    expect(first.codes.map((hex) => hex.length)).toEqual([16 * 32, 16 * 32]);
    expect(second).toEqual(first);
  },
);
