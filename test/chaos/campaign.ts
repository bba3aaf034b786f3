// A campaign: runs of every kind, one after the other, each hit by faults until it ends; then its files are compared byte for byte
// with those of a run that nobody disturbed.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RandomStream, randomStream, shuffle } from '../../activities/numeric/rng.ts';
import { halfWritten, tableHashes } from '../live/run-files.ts';
import type { CommandEnd, RunningCommand } from '../live/tessera-command.ts';
import { FAULTS_BY_KIND } from './faults.ts';
import { NO_TRICKS } from './message-proxy.ts';
import { type Pulse, watchPulse } from './pulse.ts';
import type { Workload } from './workloads.ts';
import { type DiskMode, openWorld, smallDisk, type World, type WorldName } from './world.ts';

/** What lies over a whole run, beside the faults that hit it. */
export const CONDITIONS = ['calm', 'messages', 'slow disk', 'lying disk', 'full disk'] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface Hit {
  readonly kind: string;
  /** From the end of the fault to the first progress of the run, or its end; null where neither came. */
  readonly recoveredMs: number | null;
}

/** One run under faults. */
export interface Round {
  readonly round: number;
  readonly world: WorldName;
  readonly workload: string;
  readonly condition: Condition;
  readonly hits: readonly Hit[];
  readonly seconds: number;
  /** How often messages were delayed, duplicated, reordered. */
  readonly tricks: number;
  /** Whether the run ended well with the bytes of the undisturbed one. */
  readonly equal: boolean;
  /** What was wrong; empty where nothing was. */
  readonly problems: readonly string[];
}

/** An undisturbed run. */
export interface Calm {
  readonly workload: string;
  readonly seconds: number;
  readonly hashes: Readonly<Record<string, string>>;
}

export interface CampaignState {
  readonly calm: Calm[];
  readonly rounds: Round[];
}

export interface CampaignOptions {
  readonly kills: number;
  readonly seed: number;
  readonly kinds: readonly string[];
  readonly conditions: readonly Condition[];
  readonly workloads: readonly Workload[];
  readonly worlds: readonly WorldName[];
  /** No round begins after this time. */
  readonly untilMs: number;
  /** Ends the campaign, and the round under way unfinished. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly onRound: (state: CampaignState) => void;
}

/** Faults of one run at most: then it may end. */
const HITS_PER_ROUND = 6;
const RECOVERY_MS = 180_000;
/** A command that a fault ended is given again, like a user would. */
const COMMANDS_PER_ROUND = 12;

/** Goes on with a campaign until it has its kills or its time is over. */
export async function runCampaign(state: CampaignState, options: CampaignOptions): Promise<CampaignState> {
  for (const [i, name] of options.worlds.entries()) {
    // The worlds share the faults evenly; each is opened once.
    const share = (options.kills * (i + 1)) / options.worlds.length;
    const isOver = () => Date.now() > options.untilMs || hitsOf(state) >= share;
    if (isOver()) continue;
    const world = await openWorld(name, options.seed);
    try {
      while (!isOver()) {
        const round = await Promise.race([runRound(world, state, options), aborted(options.signal)]);
        state.rounds.push(round);
        options.onRound(state);
        options.say(roundLine(round));
        if (!round.equal)
          throw new Error(`round ${round.round}: ${round.problems.join('; ')} (${world.home.folder})`);
      }
    } finally {
      await world.close();
    }
  }
  return state;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('interrupted')), { once: true });
  });
}

/** Faults that have hit so far. */
export function hitsOf({ rounds }: CampaignState): number {
  return rounds.reduce((sum, { hits }) => sum + hits.length, 0);
}

async function runRound(world: World, state: CampaignState, options: CampaignOptions): Promise<Round> {
  const round = state.rounds.length;
  const random = randomStream(options.seed, round);
  const workload = options.workloads[round % options.workloads.length]!;
  const calm = await calmRun(world, workload, state, options);
  const conditions = options.conditions.filter((each) => each !== 'messages' || world.cluster !== null);
  const condition = conditions[round % conditions.length]!;
  const left = options.kills - hitsOf(state);
  const out = `round-${round}`;
  options.say(`round ${round}: ${workload.name} in ${world.name}, ${condition}`);
  const lifted = impose(world, condition, { out, workload });
  const startedMs = performance.now();
  const disturbed = new Disturbed(world, workload, { out, random, kinds: kindsFor(world, options) });
  const { hits, end, problems } = await disturbed.run({ most: Math.min(left, HITS_PER_ROUND), lifted });
  const seconds = (performance.now() - startedMs) / 1000;
  const tricks = Object.values(world.cluster?.played ?? {}).reduce((a, b) => a + b, 0);
  world.cluster?.setFaults(NO_TRICKS);
  world.setDisk('calm');
  problems.push(...differences(world.runDir(out, workload), end, calm));
  if (problems.length === 0) rmSync(join(world.home.runs, out), { recursive: true, force: true });
  lifted.end(problems.length === 0);
  return {
    round,
    world: world.name,
    workload: workload.name,
    condition,
    hits,
    seconds,
    tricks,
    equal: problems.length === 0,
    problems,
  };
}

function kindsFor(world: World, { kinds }: CampaignOptions): readonly string[] {
  return kinds.filter((kind) => FAULTS_BY_KIND[kind]!.worlds.includes(world.name));
}

async function calmRun(
  world: World,
  workload: Workload,
  state: CampaignState,
  { say }: CampaignOptions,
): Promise<Calm> {
  const known = state.calm.find((calm) => calm.workload === workload.name);
  if (known !== undefined) return known;
  const startedMs = performance.now();
  const end = await world.run('calm', workload);
  if (end.code !== 0) throw new Error(`${workload.name}, undisturbed: ${end.stderr}`);
  const seconds = (performance.now() - startedMs) / 1000;
  const calm = { workload: workload.name, seconds, hashes: tableHashes(world.runDir('calm', workload)) };
  state.calm.push(calm);
  say(`${workload.name}, undisturbed: ${seconds.toFixed(1)} s`);
  return calm;
}

/** A condition that lies over a round, and what ends it. */
interface Imposed {
  /** The disk is full, and the run has said so: makes room. False where that is not what holds it up. */
  makeRoom(): boolean;
  end(removed: boolean): void;
}

const TRICKS = { delayed: 0.2, duplicated: 0.15, reordered: 0.1 } as const;
const DISK_OF: Partial<Record<Condition, DiskMode>> = { 'slow disk': 'slow', 'lying disk': 'lying' };

function impose(
  world: World,
  condition: Condition,
  { out, workload }: { out: string; workload: Workload },
): Imposed {
  const nothing: Imposed = { makeRoom: () => false, end: () => undefined };
  if (condition === 'messages') world.cluster!.setFaults(TRICKS);
  const mode = DISK_OF[condition];
  if (mode !== undefined) world.setDisk(mode);
  if (condition !== 'full disk') return nothing;
  // Room for the plan and the first files, not for the tables.
  const bytes = sizeOf(world.runDir('calm', workload)) / 3;
  const disk = smallDisk(join(world.home.runs, out), Math.max(256 * 1024, bytes));
  if (disk === null) world.setDisk('full');
  let full = true;
  return {
    makeRoom() {
      const was = full;
      full = false;
      if (was) disk === null ? world.setDisk('calm') : disk.grow();
      return was;
    },
    end: (removed) => removed && disk?.unmount(),
  };
}

function sizeOf(folder: string): number {
  return Object.keys(tableHashes(folder)).reduce(
    (sum, file) => sum + readFileSync(join(folder, file)).length,
    0,
  );
}

/** One run, from its first command to its last. */
class Disturbed {
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
      await Promise.race([sleep(200 + 2500 * this.#random.uniform()), ended]);
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

function differences(runDir: string, end: CommandEnd, calm: Calm): string[] {
  if (end.code !== 0) return [`exit code ${end.code} ${end.signal ?? ''}: ${end.stderr.slice(-1500)}`];
  const problems = halfWritten(runDir).map((file) => `${file} was left half-written`);
  const hashes = tableHashes(runDir);
  for (const file of new Set([...Object.keys(hashes), ...Object.keys(calm.hashes)]))
    if (hashes[file] !== calm.hashes[file]) problems.push(`${file} differs from the undisturbed run's`);
  return problems;
}

function roundLine({ round, hits, seconds, equal, tricks }: Round): string {
  const each = hits.map(({ kind, recoveredMs }) => `${kind} ${((recoveredMs ?? 0) / 1000).toFixed(1)} s`);
  return `round ${round}: ${equal ? 'equal' : 'NOT EQUAL'} after ${seconds.toFixed(1)} s, ${tricks} tricks; ${each.join(', ')}`;
}
