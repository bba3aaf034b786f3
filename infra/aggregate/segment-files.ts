// Segments on disk. A segment is up to four files named by partition and offset range; the regions file is
// written last and
// carries the metadata, so a segment counts if and only if its regions file is there.

import { join } from 'node:path';
import { SEGMENT_REGION_COLUMNS } from '#schemas/columns/segments.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { makeFolder, namesIn, remove, syncFolder } from '../blobs/storage.ts';
import { openParquet, type ParquetContent, writeParquetWhole } from '../parquet/parquet-file.ts';
import type { SeenRanges } from './seen-batches.ts';

/** Folder of a run that holds finished segments until the commit. */
export const SEGMENTS_FOLDER = 'segments';

export type SegmentPart = 'points' | 'units' | 'sample' | 'regions';

const METADATA_KEY = 'tessera:segment';

/** What the regions file of a segment says about it. */
export interface SegmentNote {
  readonly runId: string;
  readonly configSha256: string;
  readonly partition: number;
  /** First offset of the log that the segment covers, and the one after its last. */
  readonly from: number;
  readonly to: number;
  /** Messages that the segment counts. */
  readonly seen: SeenRanges;
  /** Partial regions by span; they lie one span after the other. */
  readonly regionsPerSpan: readonly number[];
  /** First point of every row group of the points part. */
  readonly pointGroups: readonly number[];
  /** Parts that have rows. */
  readonly parts: readonly SegmentPart[];
}

export interface Segment {
  readonly dir: string;
  readonly note: SegmentNote;
}

export type PartContent = Pick<ParquetContent, 'columns' | 'blocks' | 'groupRows'>;

/** Path of one part of a segment. */
export function segmentPath(
  dir: string,
  part: string,
  { partition, from, to }: Pick<SegmentNote, 'partition' | 'from' | 'to'>,
): string {
  const [first, next] = [from, to].map((offset) => String(offset).padStart(15, '0'));
  return join(dir, `${part}-p${String(partition).padStart(4, '0')}-${first}-${next}.parquet`);
}

/** Writes the parts that have rows; the regions only after the others are safe on disk. */
export async function writeSegment(
  dir: string,
  note: SegmentNote,
  parts: ReadonlyMap<SegmentPart, PartContent>,
): Promise<void> {
  await makeFolder(dir);
  const write = (part: SegmentPart): Promise<void> => {
    // The note is taken when the rows are written: a merge knows only then how many there are.
    const metadata = () => (part === 'regions' ? { [METADATA_KEY]: JSON.stringify(note) } : {});
    return writeParquetWhole(segmentPath(dir, part, note), { ...parts.get(part)!, metadata, use: 'segment' });
  };
  await Promise.all(note.parts.filter((part) => part !== 'regions').map(write));
  await syncFolder(dir);
  await write('regions');
  await syncFolder(dir);
}

/**
 * Finished segments of one partition in offset order. Two aggregators of one partition (one of them lost by
 * its worker, say)
 * may have cut the log differently: of segments that start at one offset the longest counts, and the next
 * starts where it ends.
 * @throws PipelineError `run-config-mismatch` where a segment belongs to another config.
 */
export async function listSegments(
  dir: string,
  partition: number,
  plan: Pick<SweepPlan, 'configSha256'>,
): Promise<Segment[]> {
  const chain: Segment[] = [];
  for (const path of await segmentChain(dir, 'regions', partition))
    chain.push({ dir, note: await readNote(path, plan) });
  return chain;
}

/** Paths of a partition's segments, by the part that is written last; see {@link listSegments}. */
export async function segmentChain(dir: string, part: string, partition: number): Promise<string[]> {
  const prefix = `${part}-p${String(partition).padStart(4, '0')}-`;
  const names = (await namesIn(dir)).filter((name) => name.startsWith(prefix) && name.endsWith('.parquet'));
  const byStart = new Map<number, string>();
  for (const name of names) byStart.set(Number(name.slice(prefix.length).split('-')[0]), name);
  const chain: string[] = [];
  for (let name = byStart.get(0); name !== undefined; name = byStart.get(endOf(name)))
    chain.push(join(dir, name));
  return chain;
}

/** The offset behind a segment, out of its name. */
function endOf(name: string): number {
  return Number(name.slice(0, -'.parquet'.length).split('-').at(-1));
}

/** Finished segments of every partition. */
export async function allSegments(dir: string, plan: SweepPlan): Promise<Segment[]> {
  const partitions = Array.from({ length: plan.config.stream.partitions }, (_, partition) =>
    listSegments(dir, partition, plan),
  );
  return (await Promise.all(partitions)).flat();
}

/** Removes what a crashed aggregator of this partition left half-written. */
export async function removeLeftovers(dir: string, partition: number): Promise<void> {
  const leftover = new RegExp(`^[a-z_0-9]+-p${String(partition).padStart(4, '0')}-.*\\.tmp$`);
  const names = (await namesIn(dir)).filter((name) => leftover.test(name));
  await Promise.all(names.map((name) => remove(join(dir, name))));
}

async function readNote(
  path: string,
  { configSha256 }: Pick<SweepPlan, 'configSha256'>,
): Promise<SegmentNote> {
  await using reader = await openParquet(path, SEGMENT_REGION_COLUMNS);
  const note = JSON.parse(reader.metadata.get(METADATA_KEY) ?? 'null') as SegmentNote | null;
  if (note !== null && note.configSha256 === configSha256) return note;
  throw new PipelineError({
    kind: 'run-config-mismatch',
    what: 'a segment was written by a run with another config',
    where: path,
    value: `config ${note?.configSha256 ?? 'unknown'}, expected ${configSha256}`,
    remedy: 'Give the run another id, or remove its folder.',
  });
}
