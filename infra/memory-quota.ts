// A worker's quota of memory: it is watched from inside, because only the process itself can hand its work back before it ends.

import type { PipelineFault } from '#schemas/errors.ts';

const LOOK_EVERY_MS = 250;

export interface QuotaOptions {
  readonly limitBytes: number;
  /** Told once. */
  readonly onExceeded: (fault: PipelineFault) => void;
  /** @default resident memory of this process */
  readonly residentBytes?: () => number;
  readonly lookEveryMs?: number;
}

/** Watches this process's resident memory until disposed. */
export function watchMemory({
  limitBytes,
  onExceeded,
  residentBytes = process.memoryUsage.rss,
  lookEveryMs = LOOK_EVERY_MS,
}: QuotaOptions): Disposable {
  const timer = setInterval(() => {
    const bytes = residentBytes();
    if (bytes <= limitBytes) return;
    clearInterval(timer);
    onExceeded(exceeded(bytes, limitBytes));
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Heap of one thread under a quota: the rest is for buffers, models and the other threads. */
export function threadHeapMb(limitBytes: number): number {
  return Math.floor(limitBytes / 2 ** 20 / 2);
}

function exceeded(bytes: number, limitBytes: number): PipelineFault {
  const mebibytes = (count: number) => `${Math.ceil(count / 2 ** 20)} MiB`;
  return {
    kind: 'memory-exceeded',
    where: 'worker',
    what: 'the worker took more memory than it may',
    value: `${mebibytes(bytes)} of ${mebibytes(limitBytes)}`,
    remedy:
      'Raise TESSERA_WORKER_MB, or lower stream.batchRows, stream.partitions or TESSERA_ENCODERS; the same command resumes.',
  };
}
