// Looking into a run from outside, as any Temporal client can.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { QUERY_PROGRESS, type RunProgress, runWorkflowId } from '#schemas/messages.ts';
import type { ServicesState } from '../../infra/local/state.ts';
import type { LiveHome } from './live-home.ts';

/** The record of a home's local services. */
export function servicesOf(home: LiveHome): ServicesState {
  return JSON.parse(readFileSync(join(home.env['TESSERA_HOME']!, 'services.json'), 'utf8')) as ServicesState;
}

/** Asks a run's workflow for its progress. */
export function askProgress(home: LiveHome, run: string): Promise<RunProgress> {
  return withClient(home, (client) =>
    client.workflow.getHandle(runWorkflowId(run)).query<RunProgress>(QUERY_PROGRESS),
  );
}

/** Samples that a run under way has done; 0 before it has begun, though an earlier one under its id would still answer. */
export function doneSamplesOf(home: LiveHome, run: string): Promise<number> {
  return withClient(home, async (client) => {
    const workflowId = runWorkflowId(run);
    const { status, runId } = await client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'RUNNING') return 0;
    return (await client.workflow.getHandle(workflowId, runId).query<RunProgress>(QUERY_PROGRESS))
      .doneSamples;
  }).catch(() => 0);
}

/** How many encode activities are under way or handed out. */
export function encodersUnderWay(home: LiveHome, run: string): Promise<number> {
  return activitiesUnderWay(home, run, 'encodeShards');
}

/** How many activities of one type are under way or handed out. */
export function activitiesUnderWay(home: LiveHome, run: string, type: string): Promise<number> {
  return withClient(home, async (client) => {
    const { raw } = await client.workflow.getHandle(runWorkflowId(run)).describe();
    return (raw.pendingActivities ?? []).filter(({ activityType }) => activityType?.name === type).length;
  });
}

async function withClient<T>(home: LiveHome, ask: (client: Client) => Promise<T>): Promise<T> {
  const port = servicesOf(home).temporal!.ports[0];
  const connection = await Connection.connect({ address: `127.0.0.1:${port}` });
  try {
    return await ask(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
