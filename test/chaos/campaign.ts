// A campaign: runs of every kind, one after the other, each hit by faults until it ends; then its files are compared byte for byte
// with those of a run that nobody disturbed.

import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '../../activities/numeric/rng.ts';
import { aborted } from '../../infra/cli/interrupts.ts';
import { halfWritten, tableHashes } from '../live/run-files.ts';
import type { CommandEnd } from '../live/tessera-command.ts';
import { type Condition, impose } from './conditions.ts';
import { DisturbedRun, type Hit } from './disturbed-run.ts';
import { FAULTS_BY_KIND } from './faults.ts';
import { NO_TRICKS } from './message-proxy.ts';
import type { Workload } from './workloads.ts';
import { openWorld, type World, type WorldName } from './world.ts';

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
  /** Of its tables. */
  readonly bytes: number;
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
const HITS_PER_ROUND = 12;

/** Goes on with a campaign until it has its kills or its time is over. */
export async function runCampaign(state: CampaignState, options: CampaignOptions): Promise<CampaignState> {
  // One listener for all rounds: nobody takes them off the signal.
  const interrupted = aborted(options.signal);
  for (const [i, name] of options.worlds.entries()) {
    // The worlds share the faults evenly; each is opened once.
    const share = (options.kills * (i + 1)) / options.worlds.length;
    const isOver = () => Date.now() > options.untilMs || hitsOf(state) >= share;
    if (isOver()) continue;
    const world = await openWorld(name, options.seed);
    try {
      while (!isOver()) {
        const round = await Promise.race([runRound(world, state, options), interrupted]);
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
  const lifted = impose(world, condition, { out, bytes: calm.bytes });
  const tricksBefore = tricksOf(world);
  const startedMs = performance.now();
  const disturbed = new DisturbedRun(world, workload, { out, random, kinds: kindsFor(world, options) });
  const { hits, end, problems } = await disturbed.run({ most: Math.min(left, HITS_PER_ROUND), lifted });
  const seconds = (performance.now() - startedMs) / 1000;
  const tricks = tricksOf(world) - tricksBefore;
  world.cluster?.setFaults(NO_TRICKS);
  world.setDisk('calm');
  problems.push(...differences(world.runDir(out, workload), end, calm));
  lifted.end();
  rmSync(join(world.home.runs, out), { recursive: true, force: true });
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

/** Tricks that the proxies of a world have played so far. */
function tricksOf({ cluster }: World): number {
  return Object.values(cluster?.played ?? {}).reduce((sum, count) => sum + count, 0);
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
  const runDir = world.runDir('calm', workload);
  const hashes = tableHashes(runDir);
  const bytes = Object.keys(hashes).reduce((sum, file) => sum + statSync(join(runDir, file)).size, 0);
  const calm = { workload: workload.name, seconds, bytes, hashes };
  state.calm.push(calm);
  say(`${workload.name}, undisturbed: ${seconds.toFixed(1)} s`);
  return calm;
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
