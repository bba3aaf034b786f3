import { activityInfo } from '@temporalio/activity';
import type { EncodeHeartbeat } from '#schemas/messages.ts';
import type { Attempted, EncodeInput, EncodeOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/**
 * Encodes a stretch of shards onto the code log. A retry goes on after the last batch whose acknowledgement was
 * heartbeated; a cancelled one returns its place.
 */
export function encodeShards(compute: Compute) {
  return async ({
    runDir,
    configSha256,
    task,
  }: Omit<EncodeInput, 'countedSamples'>): Promise<EncodeOutput & Attempted> => {
    const { heartbeatDetails, attempt } = activityInfo();
    const beaten = heartbeatDetails as EncodeHeartbeat | undefined;
    const from = beaten?.at === 'encode' ? { shard: beaten.shard, batch: beaten.batch } : task.from;
    const countedSamples = beaten?.samples ?? 0;
    const input = { runDir, configSha256, task: { ...task, from }, countedSamples };
    return { ...(await runInThread(compute, 'encode', input)), attempt };
  };
}
