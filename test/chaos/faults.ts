// What is done to a run's processes. A fault resolves when somebody is there in the victim's place, or the victim goes on.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RandomStream } from '../../activities/numeric/rng.ts';
import { lives } from '../live/process-table.ts';
import { servicesOf } from '../live/progress-query.ts';
import type { RunningCommand } from '../live/tessera-command.ts';
import type { World, WorldName } from './world.ts';

export interface Scene {
  readonly world: World;
  readonly running: RunningCommand;
  /** Topic of the run. */
  readonly topic: string | null;
  readonly random: RandomStream;
  /** Called when the victim is dead, or goes on after its pause: what follows is recovery. */
  readonly onHit: () => void;
}

export interface Fault {
  readonly worlds: readonly WorldName[];
  /** False where there was nobody to hit. */
  inject(scene: Scene): Promise<boolean>;
}

/** Long enough that heartbeats (10 s) and broker sessions (3 s) run out for some, and not for others. */
const PAUSE_MS = { least: 500, most: 14_000 } as const;
/** A service that nobody replaces is noticed by the run's standing still. */
const REPLACED_MS = 30_000;
const BROKER_DOWN_MS = { least: 1000, most: 4000 } as const;

const everywhere = ['local', 'cluster'] as const;

/** A new kind of fault is one entry. */
export const FAULTS_BY_KIND: Readonly<Record<string, Fault>> = {
  'worker killed': { worlds: everywhere, inject: (scene) => replaced(scene, () => workers(scene)) },
  'worker stopped': { worlds: everywhere, inject: (scene) => pause(scene, workers(scene)) },
  'broker killed': { worlds: ['local'], inject: (scene) => serviceKilled(scene, 'kafka') },
  'broker stopped': {
    worlds: everywhere,
    inject: (scene) => pause(scene, one(scene.world.brokerPids(), scene.random)),
  },
  'leader killed': { worlds: ['cluster'], inject: killLeader },
  'server killed': { worlds: everywhere, inject: (scene) => serviceKilled(scene, 'temporal') },
  'server stopped': { worlds: everywhere, inject: (scene) => pause(scene, scene.world.temporalPids()) },
  // The next command takes its place: the campaign starts it.
  'command killed': { worlds: everywhere, inject: (scene) => kill(scene, [scene.running.pid]) },
};

function workers({ world, running, random }: Scene): readonly number[] {
  return one(world.workerPids(running), random);
}

function one(pids: readonly number[], random: RandomStream): readonly number[] {
  return pids.length === 0 ? [] : [pids[random.below(pids.length)]!];
}

async function kill({ onHit }: Scene, pids: readonly number[]): Promise<boolean> {
  const [pid] = pids;
  if (pid === undefined || !signalled(pid, 'SIGKILL')) return false;
  while (lives(pid)) await sleep(20);
  onHit();
  return true;
}

/** Kills the first of `pids`, and waits until whoever watches over it has started another. */
async function replaced(scene: Scene, pids: () => readonly number[]): Promise<boolean> {
  const before = pids();
  if (!(await kill(scene, before))) return false;
  for (const deadline = Date.now() + REPLACED_MS; Date.now() < deadline; await sleep(50))
    if (pids().some((pid) => pid !== before[0])) break;
  return true;
}

/** What was on its way when a service died may still arrive: only a service that listens again can do more. */
async function serviceKilled(scene: Scene, name: 'kafka' | 'temporal'): Promise<boolean> {
  const { world } = scene;
  const pids = () => (name === 'kafka' ? world.brokerPids() : world.temporalPids());
  if (!(await replaced(scene, pids))) return false;
  const port = servicesOf(world.home)[name]!.ports[0]!;
  for (const deadline = Date.now() + REPLACED_MS; Date.now() < deadline; await sleep(50))
    if (await listens(port)) break;
  return true;
}

/** A knock: listening ourselves, to see whether the port is free, could take it from the service. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const knock = connect(port, '127.0.0.1');
    const answer = (is: boolean) => () => {
      knock.destroy();
      resolve(is);
    };
    knock.once('connect', answer(true)).once('error', answer(false));
  });
}

async function pause({ random, onHit }: Scene, pids: readonly number[]): Promise<boolean> {
  const [pid] = pids;
  if (pid === undefined || !signalled(pid, 'SIGSTOP')) return false;
  await sleep(between(PAUSE_MS, random));
  signalled(pid, 'SIGCONT');
  onHit();
  return true;
}

/** Kills the leader of the run's first partition, and starts it again when another leads; a follower where no topic is known. */
async function killLeader(scene: Scene): Promise<boolean> {
  const { world, topic, random } = scene;
  const cluster = world.cluster!;
  const leader = (topic === null ? null : await cluster.leaderOf(topic, 0)) ?? random.below(3);
  const victims = [cluster.pids[leader]!].filter((pid) => pid > 0);
  if (!(await kill(scene, victims))) return false;
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
