// The wasm kernel of distances, and work for it as plain data: any thread that is handed the module and the shared
// memory can do a job, and a job writes only to its own rows of the result.

import { NEIGHBOURS_WASM_BASE64 } from './wasm/neighbours-bytes.ts';

/** One call of an exported function for a block of rows, without its scratch (the first argument). */
export interface KernelJob {
  readonly call: 'nearest' | 'outside' | 'sums' | 'keys';
  readonly args: readonly number[];
}

/** Jobs that may run at once and in any order, with all that a thread needs; it clones to threads as it is. */
export interface KernelWork {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Threads that run jobs of one work at once use different slots. */
  readonly scratch: { readonly at: number; readonly slotBytes: number; readonly slots: number };
  readonly jobs: readonly KernelJob[];
}

/**
 * Runs jobs to their end; rejects with the signal's reason once it is aborted. Results lie in the memory and do not
 * depend on who ran what.
 */
export type RunBlocks = (work: KernelWork, options?: { readonly signal?: AbortSignal }) => Promise<void>;

/** How the parts of a computation run, and how they are stopped. */
export interface RunOptions {
  /** @default {@link runBlocksHere} */
  readonly runBlocks?: RunBlocks;
  readonly signal?: AbortSignal;
}

type Call = (scratch: number, ...args: readonly number[]) => void;

let compiled: WebAssembly.Module | undefined;

/** The kernel, compiled once: threads that share it share its optimised code. */
export function neighbourModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(
    Uint8Array.from(atob(NEIGHBOURS_WASM_BASE64), (char) => char.charCodeAt(0)),
  );
  return compiled;
}

/** Runs jobs one after the other in this thread. */
export async function runBlocksHere(
  { module, memory, scratch, jobs }: KernelWork,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Record<
    KernelJob['call'],
    Call
  >;
  for (const { call, args } of jobs) {
    signal?.throwIfAborted();
    kernel[call](scratch.at, ...args);
  }
}

/** Runs jobs as the caller wants them run. */
export async function runWork(
  work: KernelWork,
  { runBlocks = runBlocksHere, signal }: RunOptions,
): Promise<void> {
  signal?.throwIfAborted();
  await runBlocks(work, signal === undefined ? {} : { signal });
}
