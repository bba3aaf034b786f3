// The invariant: workflows that an earlier release started go on under this one. Their recorded histories replay without a
// difference (test/golden/histories/record.ts makes them).

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import proto from '@temporalio/proto';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as workflows from '../../workflows/index.ts';
import { workflowBundle } from '../../infra/workflow-bundle.ts';

const HISTORIES = fileURLToPath(new URL('../golden/histories/', import.meta.url));
const releases = readdirSync(HISTORIES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

let cache = '';
let bundle: { codePath: string };

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  cache = await mkdtemp(join(tmpdir(), 'tessera-replay-'));
  bundle = await workflowBundle(cache);
}, 60_000);
afterAll(() => rm(cache, { recursive: true, force: true }));

/** A replay costs about 0.1 s. */
const MOST_STOPS = 3;

/** At most so many of the items, spread over all of them. */
function evenly<T>(items: readonly T[], most: number): T[] {
  const count = Math.min(most, items.length);
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

const { History } = proto.temporal.api.history.v1;

function recorded(release: string, type: string) {
  const file = join(HISTORIES, release, type);
  return {
    history: History.decode(readFileSync(`${file}.binpb`)),
    workflowId: readFileSync(`${file}.id`, 'utf8'),
  };
}

describe.each(releases)('workflows of release %s', (release) => {
  it.each(Object.keys(workflows))('%s replays', async (type) => {
    const { workflowId, history } = recorded(release, type);
    await Worker.runReplayHistory({ workflowBundle: bundle }, history, workflowId);
  });

  // What a worker of this release finds when it takes a run over: a history that ends where the old one's worker stopped.
  it.each(Object.keys(workflows))('%s goes on from wherever it stands', async (type) => {
    const { workflowId, history } = recorded(release, type);
    const events = history.events ?? [];
    const stops = events.flatMap(({ workflowTaskCompletedEventAttributes: task }, i) =>
      task ? [i + 1] : [],
    );
    expect(stops.length).toBeGreaterThan(1);
    for (const stop of evenly(stops, MOST_STOPS)) {
      const begun = History.create({ events: events.slice(0, stop) });
      await Worker.runReplayHistory({ workflowBundle: bundle }, begun, workflowId);
    }
  });

  it('a history that was tampered with does not', async () => {
    const { workflowId, history } = recorded(release, 'corpusSweep');
    for (const { activityTaskScheduledEventAttributes: scheduled } of history.events ?? [])
      if (scheduled?.activityType?.name === 'encodeShards') scheduled.activityType.name = 'decodeShards';
    const replay = Worker.runReplayHistory({ workflowBundle: bundle }, history, workflowId);
    await expect(replay).rejects.toThrow(DeterminismViolationError);
  });
});
