import { expect, it } from 'vitest';
import { EMPTY_METER, observe } from '../../../infra/cli/progress.ts';
import { stateOf } from '../../../infra/cli/status-command.ts';
import { SNAPSHOT } from './snapshot.ts';

const RUN = { runId: 'mnist', runDir: '/runs/mnist', configFile: null, manifest: null, damaged: null };

it('tells how far aggregation lags and how many tasks wait for it; no lag where nobody reads', () => {
  const lagging = observe(EMPTY_METER, { ...SNAPSHOT, waiting: 2 });
  const state = stateOf(RUN, { meter: lagging, open: true });
  expect(state).toMatchObject({ status: 'running', lagMessages: 3, waitingTasks: 2 });
  const unread = observe(EMPTY_METER, { ...SNAPSHOT, aggregating: { partitions: 0, messages: 0, lag: 0 } });
  expect(stateOf(RUN, { meter: unread, open: true }).lagMessages).toBeNull();
});

it('tells the task queues for which a run waits in vain', () => {
  const meter = observe(EMPTY_METER, SNAPSHOT);
  expect(stateOf(RUN, { meter, open: true, unserved: ['tessera-cpu'] }).unservedQueues).toEqual([
    'tessera-cpu',
  ]);
  expect(stateOf(RUN, { meter, open: true }).unservedQueues).toEqual([]);
});
