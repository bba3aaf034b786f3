import { describe, expect, it } from 'vitest';

import { decideRestart, FRESH_PROCESS, type RestartState } from '../../../infra/cli/restart-policy.ts';

/** Delays until it is given up, for a process that always lives this long. */
function delays(uptimeMs: number, deaths: number, othersStable = false): readonly (number | 'give-up')[] {
  let state: RestartState = FRESH_PROCESS;
  return Array.from({ length: deaths }, () => {
    const decision = decideRestart(state, { uptimeMs, othersStable });
    if (decision.kind === 'give-up') return 'give-up';
    state = decision.state;
    return decision.delayMs;
  });
}

describe('decideRestart', () => {
  it('waits twice as long after every early death, and gives up after six', () => {
    expect(delays(100, 7)).toEqual([250, 500, 1000, 2000, 4000, 8000, 'give-up']);
  });

  it('tries at the longest pause, and does not give up, where others of its kind are stable', () => {
    expect(delays(100, 9, true)).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
  });

  it('never gives up on a process that lives long between deaths', () => {
    expect(delays(60_000, 20)).toEqual(Array.from({ length: 20 }, () => 250));
  });
});
