// One partition's collector: messages of the log in, parts of draws out. A segment that was sent twice is written once.

import { join } from 'node:path';
import { DRAW_COLUMNS } from '#schemas/columns/metflow/draws.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { decodeBlock } from '../arrow/ipc-batch.ts';
import { readJsonIfThere, writeWhole } from '../blobs/storage.ts';
import { partOfMessage } from './draw-messages.ts';
import {
  coveredDraws,
  type DrawPart,
  listParts,
  partPath,
  removeHalfParts,
  writePart,
} from './draw-parts.ts';
import { drawsOf, groupsOfPartition, type MetflowPlan, topicOf } from './metflow-plan.ts';

/** A segment of which some messages are here. */
interface Pending extends DrawPart {
  readonly messages: number;
  readonly firstOffset: bigint;
  readonly values: Map<number, Uint8Array>;
}

export interface DrawCollectorOptions {
  readonly runDir: string;
  readonly partition: number;
  readonly plan: MetflowPlan;
  /** Offset behind the last message of the log: a place beyond it belongs to a log that is gone. */
  readonly high: bigint;
}

export class DrawCollector {
  readonly #options: DrawCollectorOptions;
  readonly #groups: readonly number[];
  readonly #pending = new Map<string, Pending>();
  #parts: DrawPart[];
  #next: bigint;

  private constructor(options: DrawCollectorOptions, parts: DrawPart[], next: bigint) {
    this.#options = options;
    this.#groups = groupsOfPartition(options.plan, options.partition);
    this.#parts = parts;
    this.#next = next;
  }

  /** Finds the parts that are there and the place on the log behind them; removes half-written files. */
  static async open(options: DrawCollectorOptions): Promise<DrawCollector> {
    const { runDir, partition, plan, high } = options;
    const groups = groupsOfPartition(plan, partition);
    await removeHalfParts(runDir, groups);
    const parts = (await listParts(runDir)).filter(({ group }) => groups.includes(group));
    const place = await readPlace(runDir, partition);
    const next = place?.topic === topicOf(plan) && BigInt(place.next) <= high ? BigInt(place.next) : 0n;
    return new DrawCollector(options, parts, next);
  }

  get nextOffset(): bigint {
    return this.#next;
  }

  get complete(): boolean {
    return this.missing().length === 0;
  }

  /** Goes on from an offset ahead; segments of draws that had begun before it stay unfinished. */
  async skipTo(offset: bigint): Promise<void> {
    this.#pending.clear();
    this.#next = offset;
    await this.flush();
  }

  /** Groups of this partition whose draws are not all in parts. */
  missing(): number[] {
    const draws = drawsOf(this.#options.plan);
    return this.#groups.filter((group) => coveredDraws(this.#parts, group) < draws);
  }

  /** Keeps what is new; writes a part as soon as its last message is here. */
  async add(messages: readonly ReceivedMessage[]): Promise<void> {
    let wrote = false;
    for (const { offset, value, headers } of messages) {
      if (offset >= this.#next) this.#next = offset + 1n;
      const part = partOfMessage(headers);
      if (this.#holds(part)) continue;
      const key = partPath('', part);
      const pending = this.#pending.get(key) ?? { ...part, firstOffset: offset, values: new Map() };
      this.#pending.set(key, pending);
      // A copy: the next fetch frees what this one brought.
      pending.values.set(headers.batch, new Uint8Array(value));
      if (pending.values.size < pending.messages) continue;
      await this.#write(pending);
      this.#pending.delete(key);
      wrote = true;
    }
    if (wrote) await this.flush();
  }

  /** Notes the place on the log before which nothing is needed any more. */
  async flush(): Promise<void> {
    const { runDir, partition, plan } = this.#options;
    const firsts = [...this.#pending.values()].map(({ firstOffset }) => firstOffset);
    const [next] = [...firsts, this.#next].sort((a, b) => Number(a - b));
    const place: NotedPlace = { topic: topicOf(plan), next: String(next) };
    await writeWhole(placePath(runDir, partition), Buffer.from(JSON.stringify(place)));
  }

  #holds({ group, from, to }: DrawPart): boolean {
    return this.#parts.some((part) => part.group === group && part.from === from && part.to === to);
  }

  async #write({ group, from, to, messages, values }: Pending): Promise<void> {
    const { runDir, plan } = this.#options;
    const blocks = Array.from({ length: messages }, (_, number) =>
      decodeBlock(values.get(number)!, DRAW_COLUMNS, `draws ${from} to ${to} of group ${group}`),
    );
    await writePart(runDir, { group, from, to }, { runId: plan.runId, blocks });
    this.#parts = [...this.#parts, { group, from, to }];
  }
}

interface NotedPlace {
  readonly topic: string;
  readonly next: string;
}

function placePath(runDir: string, partition: number): string {
  return join(runDir, SEGMENTS_FOLDER, `draws-p${String(partition).padStart(4, '0')}.json`);
}

async function readPlace(runDir: string, partition: number): Promise<NotedPlace | null> {
  return readJsonIfThere(placePath(runDir, partition));
}
