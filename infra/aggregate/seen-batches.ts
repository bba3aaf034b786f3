// Which messages an aggregator has counted: what makes a repeated message harmless.

import type { SweepPlan } from '#schemas/sweep.ts';

export interface BatchId {
  readonly kind: string;
  readonly shard: number;
  readonly batch: number;
}

/** Batch numbers as `from-to` ranges, by `kind:shard`: small enough for the metadata of a file. */
export type SeenRanges = Readonly<Record<string, readonly (readonly [number, number])[]>>;

export class SeenBatches {
  readonly #batches = new Map<string, Set<number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has({ kind, shard, batch }: BatchId): boolean {
    return this.#batches.get(`${kind}:${shard}`)?.has(batch) ?? false;
  }

  add({ kind, shard, batch }: BatchId): void {
    this.#addTo(`${kind}:${shard}`, batch);
  }

  addRanges(ranges: SeenRanges): void {
    for (const [key, spans] of Object.entries(ranges)) {
      for (const [from, to] of spans) for (let batch = from; batch <= to; batch++) this.#addTo(key, batch);
    }
  }

  /** The same set however it was filled. */
  ranges(): SeenRanges {
    const keys = [...this.#batches.keys()].sort();
    return Object.fromEntries(keys.map((key) => [key, rangesOf(this.#batches.get(key)!)]));
  }

  clear(): void {
    this.#batches.clear();
    this.#size = 0;
  }

  #addTo(key: string, batch: number): void {
    const batches = this.#batches.get(key) ?? new Set<number>();
    if (batches.size === 0) this.#batches.set(key, batches);
    if (batches.has(batch)) return;
    batches.add(batch);
    this.#size++;
  }
}

function rangesOf(batches: ReadonlySet<number>): [number, number][] {
  const ranges: [number, number][] = [];
  for (const batch of [...batches].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === batch - 1) last[1] = batch;
    else ranges.push([batch, batch]);
  }
  return ranges;
}

/** Every message that a partition of the plan receives, in plan order. */
export function* expectedBatches(plan: SweepPlan, partition: number): Generator<BatchId> {
  for (const { shardId: shard, batches } of plan.shards) {
    const isHome = shard % plan.config.stream.partitions === partition;
    for (let batch = 0; batch < batches; batch++) {
      yield { kind: 'codes', shard, batch };
      if (!isHome) continue;
      yield { kind: 'points', shard, batch };
      yield { kind: 'units', shard, batch };
    }
  }
}

/** How many messages {@link expectedBatches} names. */
export function expectedCount(plan: SweepPlan, partition: number): number {
  const { partitions } = plan.config.stream;
  return plan.shards.reduce(
    (sum, { shardId, batches }) => sum + batches * (shardId % partitions === partition ? 3 : 1),
    0,
  );
}
