// Room on the disk of a local service. On a full one a broker dies and does not come back, and a Temporal server answers with
// errors: neither tells the user why, but the file system does.

import { statfs } from 'node:fs/promises';
import { PipelineError } from '#schemas/errors.ts';

/** A broker that starts lays out two indexes of 10 MB for a partition. */
export const ROOM_TO_START_BYTES = 32 * 1024 * 1024;
/** Below it nothing is written any more that takes more than a page or two. */
export const ROOM_TO_RUN_BYTES = 1024 * 1024;

/**
 * That a service's disk is full, as a fault; null where there is room, or the file system does not say.
 * @param value - what the service itself said, added to the figure.
 */
export async function diskFull(
  folder: string,
  {
    title,
    leastBytes,
    value,
  }: { readonly title: string; readonly leastBytes: number; readonly value?: string },
): Promise<PipelineError | null> {
  const disk = await statfs(folder).catch(() => null);
  if (disk === null || disk.blocks === 0) return null;
  const freeBytes = disk.bavail * disk.bsize;
  if (freeBytes >= leastBytes) return null;
  return new PipelineError({
    kind: 'disk-full',
    what: `no space left for the local ${title}`,
    where: folder,
    value: `${(freeBytes / 1024 ** 2).toFixed(1)} MB free${value === undefined ? '' : `; ${value}`}`,
    remedy: 'Free some space, or move TESSERA_HOME to another disk; the same command resumes.',
  });
}
