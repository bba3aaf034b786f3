// Which TensorFlow.js runs: the best backend that is installed. Every better one that was passed over leaves a notice.

import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { Tensor } from '@tensorflow/tfjs';
import { PipelineError } from '#schemas/errors.ts';

export type Tf = typeof import('@tensorflow/tfjs');

/** Backends from best to worst; `cpu` is plain JavaScript, a reference for tests that `best` never picks. */
export type TfjsBackend = 'node-gpu' | 'node' | 'wasm' | 'cpu';

/** A loaded TensorFlow.js with its engine set to one backend. */
export interface TfjsRuntime {
  readonly tf: Tf;
  readonly backend: TfjsBackend;
  /** Fallbacks taken, for people. */
  readonly notices: readonly string[];
  /** Makes this runtime's backend the engine's current one: the engine belongs to the whole thread. */
  activate(): Promise<void>;
  /** The tensor's values without a copy where the backend allows it: valid until the next operation. */
  view(tensor: Tensor): Float32Array | Int32Array | Uint8Array;
}

export interface RuntimeOptions {
  readonly device: 'cpu' | 'cuda';
  readonly threads: number;
  /** @default 'best' */
  readonly backend?: TfjsBackend | 'best';
  /** Folder whose node_modules holds a natively built tfjs-node. @default the variable TESSERA_TFJS_NODE */
  readonly nativeFolder?: string | undefined;
}

interface Attempt {
  readonly runtime?: TfjsRuntime;
  readonly why?: string;
}

const here = createRequire(import.meta.url);
const ENGINE_NAMES = { 'node-gpu': 'tensorflow', node: 'tensorflow', wasm: 'wasm', cpu: 'cpu' } as const;
const PACKAGES = {
  'node-gpu': '@tensorflow/tfjs-node-gpu',
  node: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs',
} as const;

/**
 * Loads TensorFlow.js on the best backend for the device.
 * @throws PipelineError `device-unavailable` when `cuda` was asked for and no GPU runs, when a folder or backend that was
 *   named does not load, or when nothing loads.
 */
export async function loadTfjsRuntime(options: RuntimeOptions): Promise<TfjsRuntime> {
  const nativeFolder = options.nativeFolder ?? process.env['TESSERA_TFJS_NODE'];
  const asked = options.backend ?? 'best';
  const reasons: string[] = [];
  for (const backend of candidates(options.device, asked, nativeFolder)) {
    const { runtime, why } = await attempt(backend, { ...options, nativeFolder });
    if (runtime !== undefined)
      return { ...runtime, notices: [...fallback(backend, reasons), ...runtime.notices] };
    reasons.push(`${PACKAGES[backend]}: ${why}`);
  }
  throw new PipelineError({
    kind: 'device-unavailable',
    what: `TensorFlow.js has no backend for device ${options.device}`,
    where: nativeFolder === undefined ? 'model.device' : 'TESSERA_TFJS_NODE',
    value: reasons.join('; '),
    remedy:
      'Install @tensorflow/tfjs-node-gpu (cuda) or @tensorflow/tfjs-node, or build it: infra/models/build-tfjs-node.sh',
  });
}

/** Runs `use` and disposes of every tensor made in it. Unlike `tf.tidy` it never walks through the result. */
export function scoped<T>(tf: Tf, use: () => T): T {
  tf.engine().startScope();
  try {
    return use();
  } finally {
    tf.engine().endScope();
  }
}

// A folder that the user names must work: falling back from it would hide a broken build.
function candidates(
  device: 'cpu' | 'cuda',
  asked: TfjsBackend | 'best',
  folder: string | undefined,
): TfjsBackend[] {
  if (asked !== 'best') return [asked];
  if (device === 'cuda') return ['node-gpu'];
  return folder === undefined || folder === '' ? ['node', 'node-gpu', 'wasm'] : ['node', 'node-gpu'];
}

function fallback(backend: TfjsBackend, reasons: readonly string[]): string[] {
  return reasons.length === 0 ? [] : [`TensorFlow.js runs on its ${backend} backend (${reasons.join('; ')})`];
}

async function attempt(backend: TfjsBackend, options: RuntimeOptions): Promise<Attempt> {
  try {
    if (backend === 'node' || backend === 'node-gpu') return await loadNative(backend, options);
    return { runtime: backend === 'wasm' ? await loadWasm(options.threads) : await loadPlain() };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return {
      why: code === 'MODULE_NOT_FOUND' ? 'not installed' : (message.split('\n')[0] ?? 'does not load'),
    };
  }
}

async function loadNative(backend: 'node' | 'node-gpu', options: RuntimeOptions): Promise<Attempt> {
  const folder = options.nativeFolder ?? '';
  const from = folder === '' ? here : createRequire(join(resolve(folder), 'package.json'));
  const notices = nativeThreads(options.threads);
  const tf = from(PACKAGES[backend]) as Tf;
  const runtime = runtimeOf(tf, backend, notices, (tensor) => tensor.dataSync() as Float32Array);
  await runtime.activate();
  // Loading is no proof: tfjs-node 4.22 loads on Node 23 and later, and fails on its first operation.
  tf.tidy(() => tf.matMul(tf.ones([2, 2]), tf.ones([2, 2])).dataSync());
  const { isUsingGpuDevice } = tf.backend() as unknown as { isUsingGpuDevice?: boolean };
  if (options.device === 'cuda' && isUsingGpuDevice !== true) return { why: 'loaded, but it sees no GPU' };
  if (options.device === 'cpu' && isUsingGpuDevice === true) {
    return {
      why: 'runs on the GPU; set model.device to cuda, or hide the GPU with an empty CUDA_VISIBLE_DEVICES',
    };
  }
  return { runtime };
}

// libtensorflow has one thread pool per process and reads its size from the process's environment, which a worker thread
// cannot change.
function nativeThreads(threads: number): string[] {
  if (process.env['TF_NUM_INTRAOP_THREADS'] !== undefined) return [];
  if (isMainThread) {
    process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
    return [];
  }
  return ['tfjs-node shares one thread pool per process; set TF_NUM_INTRAOP_THREADS to limit it'];
}

interface WasmBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  getMemoryOffset(dataId: object): number;
}

async function loadWasm(threads: number): Promise<TfjsRuntime> {
  const listeners = (['uncaughtException', 'unhandledRejection'] as const).map(
    (event) => [event, new Set<unknown>(process.listeners(event as 'uncaughtException'))] as const,
  );
  const wasm = here('@tensorflow/tfjs-backend-wasm') as typeof import('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${dirname(here.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  const notices = threads > 1 ? ['the wasm backend of TensorFlow.js runs on one thread under Node'] : [];
  const tf = here('@tensorflow/tfjs') as Tf;
  const runtime = runtimeOf(tf, 'wasm', notices, (tensor) => {
    const backend = tf.backend() as unknown as WasmBackend;
    const offset = backend.getMemoryOffset(tensor.dataId);
    const { buffer } = backend.wasm.HEAPU8;
    if (tensor.dtype === 'float32') return new Float32Array(buffer, offset, tensor.size);
    if (tensor.dtype === 'int32') return new Int32Array(buffer, offset, tensor.size);
    return new Uint8Array(buffer, offset, tensor.size);
  });
  await runtime.activate();
  // Emscripten's loader takes over the process's last-resort handlers, which are not its business.
  for (const [event, before] of listeners) {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      if (!before.has(listener)) process.removeListener(event, listener);
    }
  }
  return runtime;
}

async function loadPlain(): Promise<TfjsRuntime> {
  const tf = here('@tensorflow/tfjs') as Tf;
  const runtime = runtimeOf(tf, 'cpu', [], (tensor) => tensor.dataSync() as Float32Array);
  await runtime.activate();
  return runtime;
}

function runtimeOf(
  tf: Tf,
  backend: TfjsBackend,
  notices: readonly string[],
  view: TfjsRuntime['view'],
): TfjsRuntime {
  const engineName = ENGINE_NAMES[backend];
  // Production mode only silences console advertisements.
  tf.enableProdMode();
  return {
    tf,
    backend,
    notices,
    view,
    async activate() {
      if (tf.getBackend() === engineName) return;
      const ready = await tf.setBackend(engineName);
      if (!ready) throw new Error(`the engine cannot start its ${engineName} backend`);
    },
  };
}
