// Checkpoints on disk: `checkpoints/<name>.ckpt` and the one before it as `<name>.previous.ckpt`. The new one is on disk
// under a temporary name before the old one is renamed, so at any moment one of the two is whole.

import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFault, faultOf, PipelineError } from '#schemas/errors.ts';
import {
  checkOrigin,
  decodeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type CheckpointOrigin,
  type DecodedCheckpoint,
} from '../../activities/metflow/checkpoint.ts';
import {
  keepAs,
  makeFolder,
  moveFile,
  readParsedIfThere,
  remove,
  syncFolder,
  temporaryFor,
} from '../blobs/storage.ts';

/** Folder of a run that holds its checkpoints. */
export const CHECKPOINTS_FOLDER = 'checkpoints';

/** SHA-256 of some bytes. */
export function sha256Of(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

/** Name of a group's checkpoint. */
export function groupName(group: number): string {
  return `group-${String(group).padStart(4, '0')}`;
}

/** Paths of a checkpoint: the last one, and the one before. */
export function checkpointPaths(runDir: string, name: string): readonly [last: string, previous: string] {
  const folder = join(runDir, CHECKPOINTS_FOLDER);
  return [join(folder, `${name}.ckpt`), join(folder, `${name}.previous.ckpt`)];
}

/** Makes a checkpoint the last one of its name; the last one until now is kept as the one before. */
export async function writeCheckpoint(runDir: string, name: string, checkpoint: Checkpoint): Promise<void> {
  const folder = join(runDir, CHECKPOINTS_FOLDER);
  const [last, previous] = checkpointPaths(runDir, name);
  const temporary = temporaryFor(last);
  await makeFolder(folder);
  try {
    await using file = await open(temporary, 'w');
    await file.writeFile(encodeCheckpoint(checkpoint, sha256Of));
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await keepAs(last, previous);
  await moveFile(temporary, last);
  await syncFolder(folder);
}

export interface FoundCheckpoint {
  readonly checkpoint: DecodedCheckpoint;
  /** What people should know: that the last one was damaged, or that another version wrote it. */
  readonly notices: readonly string[];
}

/**
 * The last checkpoint of a name that is whole and fits; null where there is none.
 * @param fits - refuses checkpoints that cannot be used, such as one beyond what the log holds.
 * @throws PipelineError `data-invalid` where all are damaged, `run-config-mismatch` for one of another run or config.
 */
export async function findCheckpoint(
  runDir: string,
  name: string,
  {
    origin,
    fits = () => true,
  }: { readonly origin: CheckpointOrigin; readonly fits?: (found: Checkpoint) => boolean },
): Promise<FoundCheckpoint | null> {
  const notices: string[] = [];
  let damage: PipelineError | null = null;
  for (const path of checkpointPaths(runDir, name)) {
    try {
      const checkpoint = await readParsedIfThere(path, (bytes) =>
        decodeCheckpoint(bytes, { where: path, sha256: sha256Of }),
      );
      if (checkpoint === null) continue;
      checkOrigin(checkpoint.origin, origin, path);
      if (!fits(checkpoint)) continue;
      return { checkpoint, notices: [...notices, ...versionNotice(checkpoint, origin)] };
    } catch (error) {
      if (!(error instanceof PipelineError) || error.fault.kind !== 'data-invalid') throw error;
      damage ??= error;
      notices.push(
        `${describeFault(faultOf(error))} Gone on from the checkpoint before it, if there is one.`,
      );
    }
  }
  if (damage !== null) throw damage;
  return null;
}

/** Removes the checkpoints of a name: its chains start over. */
export async function removeCheckpoints(runDir: string, name: string): Promise<void> {
  for (const path of checkpointPaths(runDir, name)) await remove(path);
}

function versionNotice({ origin: found }: Checkpoint, wanted: CheckpointOrigin): string[] {
  if (found.codeVersion === wanted.codeVersion) return [];
  return [
    `a checkpoint of version ${found.codeVersion} is gone on with by version ${wanted.codeVersion}: bytes may differ`,
  ];
}
