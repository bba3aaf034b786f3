// Holds writers back while readers lag. Readers note how far they are as a consumer group's offset; writers know the log's end
// from the broker's acknowledgements and so need to ask only when, by what they know, a reader may be too far behind.

import { setTimeout as sleep } from 'node:timers/promises';
import type { CodeMessage } from '../../activities/ports.ts';

/** How far readers are, by partition; without those that nobody has read yet. */
export type AskPositions = (partitions: readonly number[]) => Promise<ReadonlyMap<number, bigint>>;

interface Written {
  /** Offset behind the last message that this writer sent. */
  end: bigint;
  messages: number;
  bytes: number;
}

const ASK_EVERY_MS = 250;

/** One writer's view of one topic. */
export class LagGate {
  readonly #maxLagBytes: number;
  readonly #written = new Map<number, Written>();
  #read: ReadonlyMap<number, bigint> = new Map();
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(maxLagBytes: number) {
    this.#maxLagBytes = maxLagBytes;
  }

  /**
   * Resolves when no reader of these partitions lies too far behind, or the signal aborts. A partition that nobody has begun to
   * read holds nobody back: its reader may be waiting for a free worker.
   */
  async pass(
    partitions: readonly number[],
    { ask, signal, onWait }: { ask: AskPositions; signal: AbortSignal; onWait?: (() => void) | undefined },
  ): Promise<void> {
    while (!signal.aborted && this.#mayLag(partitions)) {
      const fresh = performance.now() - this.#askedAtMs >= ASK_EVERY_MS;
      if (fresh) {
        this.#askedAtMs = performance.now();
        this.#read = await ask([...this.#written.keys()]);
      }
      if (!this.#lags(partitions)) return;
      if (fresh) onWait?.();
      const nextAskMs = this.#askedAtMs + ASK_EVERY_MS - performance.now();
      await sleep(Math.max(0, nextAskMs), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Takes in what was acknowledged. */
  wrote(messages: readonly CodeMessage[], ends: ReadonlyMap<number, bigint>): void {
    for (const { partition, value } of messages) {
      const written = this.#written.get(partition) ?? { end: 0n, messages: 0, bytes: 0 };
      this.#written.set(partition, written);
      written.messages++;
      written.bytes += value.byteLength;
    }
    for (const [partition, end] of ends) {
      const written = this.#written.get(partition);
      if (written !== undefined && end > written.end) written.end = end;
    }
  }

  /** By what is known: a reader never heard of counts as standing at the start. */
  #mayLag(partitions: readonly number[]): boolean {
    return partitions.some((partition) => this.#lagBytes(partition) > this.#maxLagBytes);
  }

  #lags(partitions: readonly number[]): boolean {
    return partitions.some(
      (partition) => this.#read.has(partition) && this.#lagBytes(partition) > this.#maxLagBytes,
    );
  }

  #lagBytes(partition: number): number {
    const written = this.#written.get(partition);
    if (written === undefined || written.messages === 0) return 0;
    const behind = written.end - (this.#read.get(partition) ?? 0n);
    return (Number(behind) * written.bytes) / written.messages;
  }
}
