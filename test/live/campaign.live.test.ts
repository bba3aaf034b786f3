// Five faults of the campaign that `npm run chaos` runs at length: three brokers, of which leaders die, and messages that are
// delayed, repeated and put out of order on their way.

import { expect, it } from 'vitest';
import { hitsOf, runCampaign } from '../chaos/campaign.ts';
import { FAULTS_BY_KIND } from '../chaos/faults.ts';
import { WORKLOADS } from '../chaos/workloads.ts';

const KILLS = 5;

it(`a run hit ${KILLS} times has the bytes of an undisturbed one`, async () => {
  const state = await runCampaign(
    { calm: [], rounds: [] },
    {
      kills: KILLS,
      seed: Number(process.env['CHAOS_SEED'] ?? 3),
      kinds: Object.keys(FAULTS_BY_KIND),
      conditions: ['messages'],
      workloads: WORKLOADS.filter(({ name }) => name === 'sweep'),
      worlds: ['cluster'],
      untilMs: Number.POSITIVE_INFINITY,
      signal: new AbortController().signal,
      say: (line) => process.stderr.write(`${line}\n`),
      onRound: () => undefined,
    },
  );
  expect(hitsOf(state)).toBeGreaterThanOrEqual(KILLS);
  expect(state.rounds.flatMap(({ problems }) => problems)).toEqual([]);
  expect(state.rounds.every(({ equal }) => equal)).toBe(true);
  expect(state.rounds.some(({ tricks }) => tricks > 0)).toBe(true);
});
