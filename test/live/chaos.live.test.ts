// The invariant: whatever is killed, and whenever, the same command ends with the bytes of a calm run.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream, shuffle } from '../../activities/numeric/rng.ts';
import { type LiveHome, makeHome, MNIST } from './live-home.ts';
import { watchLog } from './log-meter.ts';
import { killAll, lives, workersOf } from './process-table.ts';
import { servicesOf } from './progress-query.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { halfWritten, tableHashes } from './run-files.ts';
import type { RunningCommand } from './tessera-command.ts';

const SEED = Number(process.env['CHAOS_SEED'] ?? 20);
const COPIES = 2;
const ROWS = 70_000 * COPIES;
const RUN = 'chaos';

const VICTIMS = ['worker', 'kafka', 'temporal', 'command'] as const;
type Victim = (typeof VICTIMS)[number];

describe(`a sweep of ${ROWS} digits (seed ${SEED})`, () => {
  let home: LiveHome;

  beforeAll(() => {
    home = makeHome('chaos');
  });

  afterAll(() => home.close());

  function start(out: string): RunningCommand {
    const repeated = (...names: string[]) =>
      Array.from({ length: COPIES }, () => names.map((name) => join(MNIST, name))).flat();
    const sets = {
      run: RUN,
      'dataset.data': repeated('train-images-idx3-ubyte', 't10k-images-idx3-ubyte'),
      'dataset.labels': repeated('train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte'),
      'stream.batchRows': 64,
      // Long tasks of hundreds of batches: starting one anew would show in the count of repeated batches.
      'dataset.shardRows': 17_500,
    };
    const config = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
    return home.start(['run', config, '--out', join(home.runs, out), '--json', ...setOptions(sets)]);
  }

  it('sends every batch once when nothing happens', async () => {
    const meter = watchLog(home, join(home.runs, 'calm', RUN));
    const end = await start('calm').end;
    const { batches, repeated } = await meter.stop();
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.rows!['points']).toBe(ROWS);
    expect(repeated).toBe(0);
    expect(batches).toBeGreaterThanOrEqual(ROWS / 64);
  });

  it('ends with the same bytes after kill -9 of worker, broker, Temporal and the command', async () => {
    const random = randomStream(SEED);
    const order = [...shuffle(Uint8Array.of(0, 1, 2), random), 3].map((i) => VICTIMS[i]!);
    const meter = watchLog(home, join(home.runs, 'wild', RUN));
    let running = start('wild');
    const moments = order.map(() => 0.05 + 0.8 * random.uniform()).sort((a, b) => a - b);
    for (const [i, victim] of order.entries()) {
      await Promise.race([meter.reached(moments[i]!), running.end]);
      await kill(victim, running);
    }
    expect((await running.end).signal).toBe('SIGKILL');
    running = start('wild');
    const end = await running.end;
    const { batches, repeated } = await meter.stop();
    const happened = order.map((victim, i) => `${victim} at ${Math.round(moments[i]! * 100)} %`).join(', ');
    process.stderr.write(`killed ${happened}: ${repeated} of ${batches} batches were sent again\n`);
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).toContain(`going on with run ${RUN}`);
    expect(end.json!.rows!['points']).toBe(ROWS);
    expect(halfWritten(join(home.runs, 'wild', RUN))).toEqual([]);
    expect(tableHashes(join(home.runs, 'wild', RUN))).toEqual(tableHashes(join(home.runs, 'calm', RUN)));
    expect(repeated).toBeGreaterThanOrEqual(0);
    // What was under way at a kill, and up to 0.2 s whose heartbeat had not been sent: measured 0.2 to 2 %.
    expect(repeated).toBeLessThan(0.1 * batches);
  });

  async function kill(victim: Victim, running: RunningCommand): Promise<void> {
    await killAll((await pidsOf(victim, running)).slice(0, 1));
  }

  /** A process that is just coming back from the last kill is waited for. */
  async function pidsOf(victim: Victim, running: RunningCommand): Promise<number[]> {
    const found = (): number[] => {
      if (victim === 'command') return [running.pid];
      if (victim === 'worker') return workersOf(running.pid);
      return [servicesOf(home)[victim]?.process?.pid ?? 0].filter((pid) => pid > 0 && lives(pid));
    };
    await expect.poll(() => found().length, { timeout: 30_000 }).toBeGreaterThan(0);
    return found();
  }
});
