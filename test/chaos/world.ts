// Where a campaign's runs live: a home of their own with real services, of which the harness may kill any, by process id.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type LiveHome, makeHome } from '../live/live-home.ts';
import { lives, workersOf } from '../live/process-table.ts';
import { servicesOf } from '../live/progress-query.ts';
import type { CommandEnd, RunningCommand } from '../live/tessera-command.ts';
import { type KafkaCluster, startCluster } from './kafka-cluster.ts';
import type { Workload } from './workloads.ts';

/** `local`: the broker that Tessera starts and watches itself. `cluster`: three brokers, which the harness starts again. */
export type WorldName = 'local' | 'cluster';

export type DiskMode = 'calm' | 'slow' | 'lying' | 'full';

export interface World {
  readonly name: WorldName;
  readonly home: LiveHome;
  readonly cluster: KafkaCluster | null;
  /** Folder that receives the run folder of `workload` in the runs called `out`. */
  runDir(out: string, workload: Workload): string;
  start(out: string, workload: Workload): RunningCommand;
  /** Runs to the end, undisturbed. */
  run(out: string, workload: Workload): Promise<CommandEnd>;
  setDisk(mode: DiskMode): void;
  workerPids(running: RunningCommand): number[];
  brokerPids(): number[];
  temporalPids(): number[];
  close(): Promise<void>;
}

/** Share of the calls that a slow or a lying disk gets at. */
const DISK_SHARE = { calm: 0, slow: 0.3, lying: 0.02, full: 1 } as const;

/** Starts the services of a world; they stay up between its runs. */
export async function openWorld(name: WorldName, seed: number): Promise<World> {
  const home = makeHome(`chaos-${name}`);
  const cluster =
    name === 'local' ? null : await startCluster(join(home.folder, 'cluster'), { env: home.env, seed });
  const disk = join(home.folder, 'disk.json');
  const variables = {
    ...(cluster === null ? {} : { KAFKA_BROKERS: cluster.addresses }),
    NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'faulty-disk.mjs'))}`,
    TESSERA_CHAOS_DISK: disk,
  };
  const up = await home.tessera(['up', '--processes', '0'], variables);
  if (up.code !== 0) {
    await cluster?.close();
    await home.close();
    throw new Error(`tessera up: ${up.stderr}`);
  }
  const start = (out: string, workload: Workload) => {
    const place = ['--out', join(home.runs, out), '--json', '--processes', '1'];
    return home.start(['run', ...workload.args(home.folder), ...place], variables);
  };
  return {
    name,
    home,
    cluster,
    runDir: (out, { run }) => join(home.runs, out, run),
    start,
    run: (out, workload) => start(out, workload).end,
    setDisk: (mode) =>
      writeFileSync(disk, JSON.stringify({ folder: home.runs, mode, share: DISK_SHARE[mode] })),
    workerPids: (running) => workersOf(running.pid),
    brokerPids: () => (cluster?.pids ?? [servicesOf(home).kafka?.process?.pid ?? 0]).filter(alive),
    temporalPids: () => [servicesOf(home).temporal?.process?.pid ?? 0].filter(alive),
    async close() {
      await cluster?.close();
      await home.close();
    },
  };
}

function alive(pid: number): boolean {
  return pid > 0 && lives(pid);
}

/**
 * Puts a folder on a disk of so many bytes; null where this machine does not let us mount one. The answer makes room.
 */
export function smallDisk(folder: string, bytes: number): { grow(): void; unmount(): void } | null {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    return null;
  }
  return {
    grow: () => void execFileSync('mount', ['-o', 'remount,size=1g', folder], { stdio: 'pipe' }),
    unmount: () => void execFileSync('umount', [folder], { stdio: 'pipe' }),
  };
}
