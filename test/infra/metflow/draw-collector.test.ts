// The invariant: parts depend on what was drawn, not on how often, in which order of segments or with which interruptions
// their messages came.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DrawRows } from '../../../activities/metflow/chains/draw-recorder.ts';
import type { ReceivedMessage } from '../../../activities/ports.ts';
import { DrawCollector } from '../../../infra/metflow/draw-collector.ts';
import { drawBlock, drawMessages } from '../../../infra/metflow/draw-messages.ts';
import { coveredDraws, listParts } from '../../../infra/metflow/draw-parts.ts';
import type { MetflowPlan } from '../../../infra/metflow/metflow-plan.ts';
import { readDraws } from '../../../infra/metflow/read-draws.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';
import { tableHashes } from '../../live/run-files.ts';

/** A message holds five such draws, a segment six. */
const DIM = 100_000;
const PLAN: MetflowPlan = {
  runId: 'r',
  configSha256: 'abc',
  config: metflowConfig.parse({
    kind: 'metflow',
    target: { name: 'gaussian', dim: 5 },
    kernels: [{ type: 'rwm' }],
    sample: { chains: 4, groups: 2, draws: 6, checkpointEvery: 3 },
    stream: { partitions: 1 },
  }),
  dim: DIM,
  target: { name: 'gaussian', sha256: 'def' },
  groups: 2,
  ends: [6],
  model: null,
  data: null,
  files: [],
  notices: [],
};

/** Draws of a group whose numbers say where they belong; wide, so that a segment is several messages. */
function segment(group: number, from: number): DrawRows {
  const numbers = Uint32Array.of(2 * group, 2 * group + 1);
  const size = 2 * 3;
  const value = (row: number) => 1000 * numbers[Math.floor(row / 3)]! + from + (row % 3);
  return {
    numbers,
    dim: DIM,
    from,
    to: from + 3,
    z: Float64Array.from({ length: size * DIM }, (_, at) => value(Math.floor(at / DIM)) + (at % DIM) / DIM),
    logDensity: Float64Array.from({ length: size }, (_, row) => -value(row)),
    kernel: new Int32Array(size),
    kernels: ['rwm'],
    accepted: Uint8Array.from({ length: size }, (_, row) => row % 2),
    direction: new Int8Array(size),
    jump: new Float32Array(size),
  };
}

describe('a collector of draws', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tessera-draws-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const sent = [0, 1].flatMap((group) =>
    [0, 3].map((from) => {
      const draws = segment(group, from);
      return drawMessages(PLAN, { group, from, to: from + 3 }, drawBlock(draws, null));
    }),
  );
  const [a, b, c, d] = sent as [(typeof sent)[0], (typeof sent)[0], (typeof sent)[0], (typeof sent)[0]];
  const log = (messages: typeof a): ReceivedMessage[] =>
    messages.map(({ value, headers }, offset) => ({ value, headers, offset: BigInt(offset) }));
  const open = (name: string, high = 1000n) =>
    DrawCollector.open({ runDir: join(folder, name), partition: 0, plan: PLAN, high });

  async function collected(name: string, messages: typeof a): Promise<Record<string, string>> {
    const collector = await open(name);
    await collector.add(log(messages));
    expect(collector.missing()).toEqual([]);
    return tableHashes(join(folder, name));
  }

  it('writes the same parts for messages that come twice, mixed, or out of order', async () => {
    expect(a.length).toBeGreaterThan(1);
    const calm = await collected('calm', [...a, ...b, ...c, ...d]);
    expect(Object.keys(calm)).toHaveLength(4);
    // A segment that was killed on its way is sent again from its start.
    expect(await collected('wild', [...d, a[0]!, ...c, ...a, ...c, ...b, ...a])).toEqual(calm);
  });

  it('goes on behind the last part, with the messages of unfinished ones', async () => {
    const all = log([...a, b[0]!, ...c, ...b.slice(1), ...d]);
    const first = await open('run');
    await first.add(all.slice(0, a.length + 1 + c.length));
    expect(first.missing()).toEqual([0, 1]);
    const second = await open('run');
    expect(second.nextOffset).toBe(BigInt(a.length));
    await second.add(all.slice(Number(second.nextOffset)));
    expect(second.missing()).toEqual([]);
    expect(tableHashes(join(folder, 'run'))).toEqual(await collected('calm', [...a, ...b, ...c, ...d]));
  });

  it('reads a log that is gone and came anew from its start', async () => {
    const first = await open('run');
    await first.add(log([...a, ...c]));
    expect((await open('run', 1n)).nextOffset).toBe(0n);
    expect((await open('run')).nextOffset).toBe(BigInt(a.length + c.length));
  });

  it('gives every draw back at its chain and number', async () => {
    await collected('run', [...a, ...b, ...c, ...d]);
    const runDir = join(folder, 'run');
    expect(readdirSync(join(runDir, 'draws'))[0]).toBe('part-0000000000-0000000003-g0000.parquet');
    const parts = await listParts(runDir);
    expect([coveredDraws(parts, 0), coveredDraws(parts, 1), coveredDraws(parts, 2)]).toEqual([6, 6, 0]);
    const { coordinates, logDensity } = await readDraws(runDir, PLAN, { draws: 6, from: 1, to: 2 });
    const expected = [0, 1, 2, 3].flatMap((chain) => [0, 1, 2, 3, 4, 5].map((draw) => 1000 * chain + draw));
    expect(Array.from(coordinates[0]!)).toEqual(expected.map((value) => value + 1 / DIM));
    expect(Array.from(logDensity)).toEqual(expected.map((value) => -value));
  });
});
