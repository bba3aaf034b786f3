// What this machine remembers of runs that have no manifest.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import { EMPTY_METER } from '../../../infra/cli/progress.ts';
import { findRun, knownRuns, rememberRun, statusOfRun } from '../../../infra/cli/run-folder.ts';
import { stateOf } from '../../../infra/cli/status-command.ts';

const root = mkdtempSync(join(tmpdir(), 'tessera-known-'));
afterAll(() => rmSync(root, { recursive: true }));

let home: string;
const run = { runId: 'photos', runDir: join(root, 'runs', 'photos'), configFile: join(root, 'sweep.yaml') };
beforeEach(() => {
  home = mkdtempSync(join(root, 'home-'));
});

function remembered(fault?: PipelineFault) {
  rememberRun(home, fault === undefined ? run : { ...run, fault });
  return findRun('photos', { home, out: join(root, 'none') });
}

describe('a run that was never planned whole', () => {
  const { fault } = new PipelineError({
    kind: 'data-missing',
    what: 'no file matches',
    where: 'photos/*.jpg',
  });

  it('is open while nothing ended it', async () => {
    const found = await remembered();
    expect(statusOfRun(found)).toBe('running');
    expect(stateOf(found, { meter: EMPTY_METER, open: false })).toMatchObject({ status: 'interrupted' });
    expect(stateOf(found, { meter: EMPTY_METER, open: true })).toMatchObject({ status: 'running' });
  });

  it('has failed with the fault that its command told, until it is started again', async () => {
    const found = await remembered(fault);
    expect(stateOf(found, { meter: EMPTY_METER, open: false })).toMatchObject({ status: 'failed', fault });
    expect(stateOf(found, { meter: EMPTY_METER, open: true })).not.toHaveProperty('fault');
    expect(statusOfRun(await remembered())).toBe('running');
    expect(await knownRuns(home, join(root, 'none'))).toHaveLength(1);
  });

  it('stays open where services were away', async () => {
    const found = await remembered({ ...fault, kind: 'service-unavailable' });
    expect(stateOf(found, { meter: EMPTY_METER, open: false })).toMatchObject({ status: 'interrupted' });
    expect(statusOfRun(await remembered({ ...fault, kind: 'cancelled' }))).toBe('cancelled');
  });
});
