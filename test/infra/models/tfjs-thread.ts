// Worker thread of tfjs-worker.test.ts: opens a session, encodes one batch, answers with its codes.

import { parentPort, workerData } from 'node:worker_threads';
import { loadTfjsRuntime, type TfjsBackend } from '../../../infra/models/tfjs/runtime.ts';
import { openOn } from '../../../infra/models/tfjs.ts';
import { sessionOptions } from './tfjs-fixtures.ts';

const { file, backend } = workerData as { file: string; backend: TfjsBackend };
const handlers = () =>
  process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');

async function answer(): Promise<void> {
  const before = handlers();
  const runtime = await loadTfjsRuntime({ device: 'cpu', threads: 2, backend });
  const added = handlers() - before;
  const session = await openOn(
    runtime,
    sessionOptions(file, { sampleShape: [784], batchSamples: 16, threads: 2 }),
  );
  const data = Float32Array.from({ length: 16 * 784 }, (_, i) => Math.sin(i));
  const { codes } = await session.encode({ type: 'float32', data, dims: [16, 784] });
  parentPort?.postMessage({
    added,
    backend: session.backend,
    codes: codes.map((code) => Buffer.from(code).toString('hex')),
  });
  await session.close();
}

void answer();
