// What is done to a run's processes. Each fault resolves when it is over: the process dead, or going on after its pause.

import { setTimeout as sleep } from 'node:timers/promises';
import type { RandomStream } from '../../activities/numeric/rng.ts';
import { lives } from '../live/process-table.ts';
import type { RunningCommand } from '../live/tessera-command.ts';
import type { World, WorldName } from './world.ts';

export interface Scene {
  readonly world: World;
  readonly running: RunningCommand;
  /** Topic of the run. */
  readonly topic: string | null;
  readonly random: RandomStream;
}

export interface Fault {
  readonly worlds: readonly WorldName[];
  /** False where there was nobody to hit. */
  inject(scene: Scene): Promise<boolean>;
}

/** Long enough that heartbeats (10 s) and broker sessions (3 s) run out for some, and not for others. */
const PAUSE_MS = { least: 500, most: 14_000 } as const;
const BROKER_DOWN_MS = { least: 1000, most: 4000 } as const;

const everywhere = ['local', 'cluster'] as const;

/** A new kind of fault is one entry. */
export const FAULTS_BY_KIND: Readonly<Record<string, Fault>> = {
  'worker killed': { worlds: everywhere, inject: (scene) => kill(workers(scene)) },
  'worker stopped': { worlds: everywhere, inject: (scene) => pause(workers(scene), scene.random) },
  'broker killed': { worlds: ['local'], inject: ({ world }) => kill(world.brokerPids()) },
  'broker stopped': {
    worlds: everywhere,
    inject: ({ world, random }) => pause(one(world.brokerPids(), random), random),
  },
  'leader killed': { worlds: ['cluster'], inject: killLeader },
  'server killed': { worlds: everywhere, inject: ({ world }) => kill(world.temporalPids()) },
  'server stopped': {
    worlds: everywhere,
    inject: ({ world, random }) => pause(world.temporalPids(), random),
  },
  'command killed': { worlds: everywhere, inject: ({ running }) => kill([running.pid]) },
};

function workers({ world, running, random }: Scene): readonly number[] {
  return one(world.workerPids(running), random);
}

function one(pids: readonly number[], random: RandomStream): readonly number[] {
  return pids.length === 0 ? [] : [pids[random.below(pids.length)]!];
}

async function kill(pids: readonly number[]): Promise<boolean> {
  const [pid] = pids;
  if (pid === undefined || !signalled(pid, 'SIGKILL')) return false;
  while (lives(pid)) await sleep(20);
  return true;
}

async function pause(pids: readonly number[], random: RandomStream): Promise<boolean> {
  const [pid] = pids;
  if (pid === undefined || !signalled(pid, 'SIGSTOP')) return false;
  await sleep(between(PAUSE_MS, random));
  signalled(pid, 'SIGCONT');
  return true;
}

/** Kills the leader of the run's first partition, and starts it again when another leads; a follower where no topic is known. */
async function killLeader({ world, topic, random }: Scene): Promise<boolean> {
  const cluster = world.cluster!;
  const leader = (topic === null ? null : await cluster.leaderOf(topic, 0)) ?? random.below(3);
  if (!(await kill([cluster.pids[leader]!].filter((pid) => pid > 0)))) return false;
  await sleep(between(BROKER_DOWN_MS, random));
  cluster.revive(leader);
  return true;
}

function between({ least, most }: { least: number; most: number }, random: RandomStream): number {
  // Short ones more often.
  return least + (most - least) * random.uniform() ** 2;
}

function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
