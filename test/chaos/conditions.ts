// What lies over a whole run, beside the faults that hit it.

import { join } from 'node:path';
import { type DiskMode, smallDisk, type World } from './world.ts';

/** A new condition is one entry, and what {@link impose} does for it. */
export const CONDITIONS = ['calm', 'messages', 'slow disk', 'lying disk', 'full disk'] as const;
export type Condition = (typeof CONDITIONS)[number];

/** A condition that lies over a round, and what ends it. */
export interface Imposed {
  /** The disk is full, and the run has said so: makes room. False where that is not what holds it up. */
  makeRoom(): boolean;
  /** What is on a small disk is gone then. */
  end(): void;
}

/** The plan and run.json. */
const LEAST_DISK_BYTES = 64 * 1024;
const TRICKS = { delayed: 0.2, duplicated: 0.15, reordered: 0.1 } as const;
const DISK_OF: Partial<Record<Condition, DiskMode>> = { 'slow disk': 'slow', 'lying disk': 'lying' };

/** Begins a condition. */
export function impose(
  world: World,
  condition: Condition,
  { out, bytes }: { readonly out: string; readonly bytes: number },
): Imposed {
  const nothing: Imposed = { makeRoom: () => false, end: () => undefined };
  if (condition === 'messages') world.cluster!.setFaults(TRICKS);
  const mode = DISK_OF[condition];
  if (mode !== undefined) world.setDisk(mode);
  if (condition !== 'full disk') return nothing;
  // Room for the plan and the first files, not for all tables.
  const disk = smallDisk(join(world.home.runs, out), Math.max(LEAST_DISK_BYTES, Math.round(bytes / 3)));
  if (disk === null) world.setDisk('full');
  let full = true;
  return {
    makeRoom() {
      const was = full;
      full = false;
      if (was) disk === null ? world.setDisk('calm') : disk.grow();
      return was;
    },
    end: () => disk?.unmount(),
  };
}
