// One run under faults, from its first command to its last.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RandomStream, shuffle } from '../../activities/numeric/rng.ts';
import type { CommandEnd, RunningCommand } from '../live/tessera-command.ts';
import type { Imposed } from './conditions.ts';
import { FAULTS_BY_KIND } from './faults.ts';
import { type Pulse, watchPulse } from './pulse.ts';
import type { Workload } from './workloads.ts';
import type { World } from './world.ts';

const RECOVERY_MS = 180_000;
/** A command that a fault ended is given again, like a user would. */
const COMMANDS_PER_ROUND = 12;

export interface Hit {
  readonly kind: string;
  /** From the end of the fault to the first progress of the run, or its end; null where neither came. */
  readonly recoveredMs: number | null;
}

/** One run, from its first command to its last. */
export class DisturbedRun {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #out: string;
  readonly #random: RandomStream;
  readonly #kinds: readonly string[];
  readonly #hits: Hit[] = [];
  readonly #problems: string[] = [];
  #deck: string[] = [];
  #commandDeadSinceMs: number | null = null;

  constructor(
    world: World,
    workload: Workload,
    { out, random, kinds }: { out: string; random: RandomStream; kinds: readonly string[] },
  ) {
    this.#world = world;
    this.#workload = workload;
    this.#out = out;
    this.#random = random;
    this.#kinds = kinds;
  }

  async run({ most, lifted }: { most: number; lifted: Imposed }): Promise<{
    hits: readonly Hit[];
    end: CommandEnd;
    problems: string[];
  }> {
    const { run } = this.#workload;
    const runDir = this.#world.runDir(this.#out, this.#workload);
    const pulse = watchPulse(this.#world.home, { run, runDir });
    try {
      for (let command = 1; ; command++) {
        const running = this.#world.start(this.#out, this.#workload);
        await this.#disturb(running, { pulse, most });
        const end = await running.end;
        const again = end.signal !== null || (end.json?.fault?.kind === 'disk-full' && lifted.makeRoom());
        if (again && command < COMMANDS_PER_ROUND) continue;
        return { hits: this.#hits, end, problems: this.#problems };
      }
    } finally {
      await pulse.close();
    }
  }

  /** Hits the run, lets it recover, and hits it again, until it ends or has had enough. */
  async #disturb(running: RunningCommand, { pulse, most }: { pulse: Pulse; most: number }): Promise<void> {
    const over = new AbortController();
    const ended = running.end.then(() => over.abort());
    // A dead command's worker hands its work back: that is no recovery.
    while (!over.signal.aborted && this.#world.workerPids(running).length === 0) await sleep(50);
    // Planned and under way, or there is nothing to lose yet.
    await pulse.next({ timeoutMs: RECOVERY_MS, signal: over.signal });
    if (this.#commandDeadSinceMs !== null) {
      // The command that takes over from a dead one: its start counts.
      this.#hits.push({ kind: 'command killed', recoveredMs: performance.now() - this.#commandDeadSinceMs });
      this.#commandDeadSinceMs = null;
    }
    while (!over.signal.aborted && this.#commandDeadSinceMs === null && this.#hits.length < most) {
      await Promise.race([sleep(100 + 1500 * this.#random.uniform()), ended]);
      if (over.signal.aborted) return;
      await this.#hit(running, { pulse, over: over.signal });
    }
  }

  async #hit(running: RunningCommand, { pulse, over }: { pulse: Pulse; over: AbortSignal }): Promise<void> {
    if (this.#deck.length === 0) this.#deck = shuffled(this.#kinds, this.#random);
    const kind = this.#deck.pop()!;
    let sinceMs = performance.now();
    const scene = {
      world: this.#world,
      running,
      topic: this.#topic(),
      random: this.#random,
      onHit: () => {
        sinceMs = performance.now();
      },
    };
    if (!(await FAULTS_BY_KIND[kind]!.inject(scene))) return;
    if (kind === 'command killed') {
      this.#commandDeadSinceMs = sinceMs;
      return;
    }
    const recovered = (await pulse.next({ timeoutMs: RECOVERY_MS, signal: over })) || over.aborted;
    this.#hits.push({ kind, recoveredMs: recovered ? performance.now() - sinceMs : null });
    if (recovered) return;
    this.#problems.push(`${kind}: no progress within ${RECOVERY_MS / 1000} s`);
    running.kill('SIGKILL');
  }

  #topic(): string | null {
    try {
      const plan = readFileSync(join(this.#world.runDir(this.#out, this.#workload), 'plan.json'), 'utf8');
      return (JSON.parse(plan) as { topic?: string }).topic ?? null;
    } catch {
      return null;
    }
  }
}

function shuffled<T>(items: readonly T[], random: RandomStream): T[] {
  return [...shuffle(Uint8Array.from(items.keys()), random)].map((i) => items[i]!);
}
