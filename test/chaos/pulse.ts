// Whether a run gets on, seen from outside: what Temporal knows of it and what lies in its folder.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { runWorkflowId } from '#schemas/messages.ts';
import type { LiveHome } from '../live/live-home.ts';
import { servicesOf } from '../live/progress-query.ts';
import { filesBelow } from '../live/run-files.ts';

export interface Pulse {
  /** Resolves when the run has got on since the call, `false` where it did not within `timeoutMs` or `signal` aborted. */
  next(options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<boolean>;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 150;
const ANSWER_MS = 1000;

/** Watches one run. A server that is away counts as no progress. */
export function watchPulse(home: LiveHome, { run, runDir }: { run: string; runDir: string }): Pulse {
  const port = servicesOf(home).temporal!.ports[0];
  const connection = Connection.lazy({ address: `127.0.0.1:${port}` });
  const client = new Client({ connection });
  const look = async (): Promise<string | null> => {
    try {
      const handle = client.workflow.getHandle(runWorkflowId(run));
      const { raw } = await client.withDeadline(Date.now() + ANSWER_MS, () => handle.describe());
      const beats = (raw.pendingActivities ?? []).map(({ activityId, heartbeatDetails }) => [
        activityId,
        heartbeatDetails?.payloads?.map(({ data }) => Buffer.from(data ?? []).toString()),
      ]);
      // The server names them in any order.
      const said = beats.map((beat) => JSON.stringify(beat)).sort();
      // Not the history: it grows by the server's own time-outs too.
      return JSON.stringify([raw.workflowExecutionInfo?.execution?.runId, said, results(runDir)]);
    } catch {
      return null;
    }
  };
  return {
    async next({ timeoutMs, signal }) {
      const deadline = Date.now() + timeoutMs;
      let before: string | null = null;
      while (Date.now() < deadline && !signal.aborted) {
        const now = await look();
        if (now !== null && before !== null && now !== before) return true;
        before ??= now;
        await sleep(LOOK_EVERY_MS);
      }
      return false;
    },
    close: () => connection.close(),
  };
}

/** Checkpoints and finished files; half-written ones say nothing. */
function results(runDir: string): string[] {
  const files = filesBelow(runDir).filter((file) => !file.endsWith('.tmp'));
  return files.map((file) => {
    const stat = statSync(join(runDir, file), { throwIfNoEntry: false });
    return `${file} ${stat?.mtimeMs}`;
  });
}
