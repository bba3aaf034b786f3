// A look at a run, for tests to change.

import type { RunSnapshot } from '../../../infra/cli/progress.ts';

export const SNAPSHOT: RunSnapshot = {
  runId: 'mnist',
  phase: 'encoding',
  paused: false,
  unit: 'rows',
  rows: 70_000,
  doneRows: 0,
  restarts: 0,
  aggregating: { partitions: 4, messages: 12, lag: 3 },
  waiting: 0,
  tasks: null,
  notices: [],
  retries: [],
  chains: null,
  elbo: null,
  startedAtMs: 0,
  atMs: 0,
};
