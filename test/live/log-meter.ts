// How many messages a run has put on its Kafka topic, read from outside until the commit deletes it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { LiveHome } from './live-home.ts';
import { servicesOf } from './progress-query.ts';

export interface LogMeter {
  /** Resolves when that share of the plan's messages is on the log. */
  reached(share: number): Promise<void>;
  /** Ends the watch. @returns batches of the plan, and how many were sent a second time. */
  stop(): Promise<{ readonly batches: number; readonly repeated: number }>;
}

/**
 * Watches the log of a run from its plan on; a broker that is away is asked again.
 * @param broker - address of one that is not the home's own.
 */
export function watchLog(home: LiveHome, runDir: string, broker?: string): LogMeter {
  const stopping = new AbortController();
  let messages = 0;
  let plan: SweepPlan | null = null;
  const batchesOf = (known: SweepPlan) => known.shards.reduce((sum, shard) => sum + shard.batches, 0);
  // Codes to every partition, points and units to one.
  const perBatch = (known: SweepPlan) => known.config.stream.partitions + 2;
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      plan ??= readPlan(runDir);
      if (plan !== null)
        messages = Math.max(messages, await messagesOf(broker ?? ownBroker(home), plan.topic).catch(() => 0));
      await sleep(100);
    }
  })();
  return {
    async reached(share) {
      const done = () => plan !== null && messages >= share * batchesOf(plan) * perBatch(plan);
      while (!done() && !stopping.signal.aborted) await sleep(50);
    },
    async stop() {
      stopping.abort();
      await watching;
      const batches = batchesOf(plan!);
      return { batches, repeated: messages / perBatch(plan!) - batches };
    },
  };
}

/** The plan of a sweep, or null before there is one. */
export function readPlan(runDir: string): SweepPlan | null {
  try {
    return JSON.parse(readFileSync(join(runDir, 'plan.json'), 'utf8')) as SweepPlan;
  } catch {
    return null;
  }
}

function ownBroker(home: LiveHome): string {
  return `127.0.0.1:${servicesOf(home).kafka!.ports[0]}`;
}

async function messagesOf(broker: string, topic: string): Promise<number> {
  const kafka = new Kafka({
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
