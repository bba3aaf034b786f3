// Runs: their manifests, and where they lie, on this machine or in object storage.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { describeFault, PipelineError, type PipelineFault } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import { isObjectPath, joinPath, resolvePath } from '../blobs/object-path.ts';
import { namesIn } from '../blobs/storage.ts';
import { didYouMean } from '../config/similar-name.ts';
import { makeLocalFolder } from '../local-folder.ts';
import { readManifest } from '../run-manifest.ts';
import type { Terminal } from './terminal.ts';

/** A run that this machine knows of. `manifest` is null until planning has written `run.json`. */
export interface KnownRun {
  readonly runId: string;
  readonly runDir: string;
  readonly configFile: string | null;
  readonly manifest: RunManifest | null;
  /** Why a `run.json` that is there cannot be read; the run then goes by its folder's name. */
  readonly damaged: PipelineFault | null;
  /** What ended it before there was a manifest. */
  readonly fault?: PipelineFault;
}

type RememberedRun = Pick<KnownRun, 'runId' | 'runDir' | 'fault'> & { readonly configFile: string };

/** Remembers where a run lies, so that `status RUN` finds it from any folder, and what ended it while it was planned. */
export function rememberRun(home: string, run: RememberedRun): void {
  const folder = join(home, 'runs');
  makeLocalFolder(folder);
  const file = join(folder, `${createHash('sha256').update(run.runDir).digest('hex').slice(0, 16)}.json`);
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(run));
  renameSync(`${file}.${process.pid}`, file);
}

/**
 * Every run below `out`, every remembered run, and their neighbours (scheduled runs), newest last. Runs
 * without a manifest are in planning, or failed there.
 */
export async function knownRuns(home: string, out: string): Promise<readonly KnownRun[]> {
  const remembered = rememberedRuns(home);
  const asked = resolvePath(out);
  const places = new Set([asked, ...remembered.map(({ runDir }) => dirname(runDir))]);
  const runs = new Map<string, KnownRun>();
  for (const place of places) {
    for (const name of await entriesOf(place, asked)) {
      const runDir = joinPath(place, name);
      const run = await runIn(runDir);
      if (run !== null) runs.set(runDir, run);
    }
  }
  for (const { fault, ...run } of remembered) {
    const known: KnownRun = { manifest: null, damaged: null, ...runs.get(run.runDir), ...run };
    runs.set(run.runDir, known.manifest === null && fault !== undefined ? { ...known, fault } : known);
  }
  return [...runs.values()].sort(
    (a, b) => compare(createdAt(a), createdAt(b)) || compare(a.runDir, b.runDir),
  );
}

/**
 * The run that a user names by id or by folder; the newest where several folders hold the id.
 * @throws PipelineError `run-unknown`, listing the known ones.
 */
export async function findRun(
  name: string,
  { home, out }: { readonly home: string; readonly out: string },
): Promise<KnownRun> {
  const asFolder = await runIn(resolvePath(name));
  if (asFolder !== null) return asFolder;
  const runs = await knownRuns(home, out);
  const found = runs.filter(({ runId }) => runId === name).at(-1);
  if (found !== undefined) return found;
  const names = [...new Set(runs.filter(({ manifest }) => manifest !== null).map(({ runId }) => runId))];
  const remedy =
    names.length === 0
      ? `No run is known here, and ${out} holds none. Give --out DIR if they lie elsewhere.`
      : `Known: ${names.join(', ')}${didYouMean(name, names) || '.'}`;
  throw new PipelineError({ kind: 'run-unknown', what: 'no such run', value: name, remedy });
}

/** Notes each `run.json` that cannot be read. */
export function tellDamaged(runs: readonly KnownRun[], terminal: Pick<Terminal, 'note'>): void {
  for (const { damaged } of runs) if (damaged !== null) terminal.note(describeFault(damaged));
}

/** As its manifest says, or the fault that it had while it was planned; services that are away leave it open. */
export function statusOfRun({ manifest, fault }: KnownRun): RunManifest['status'] {
  if (manifest !== null) return manifest.status;
  if (fault === undefined || fault.kind === 'service-unavailable') return 'running';
  return fault.kind === 'cancelled' ? 'cancelled' : 'failed';
}

/** Runs that are still in planning count as newest. */
function createdAt({ manifest }: KnownRun): string {
  return manifest?.createdAt ?? '~';
}

function rememberedRuns(home: string): readonly RememberedRun[] {
  return entries(join(home, 'runs')).flatMap((name) => {
    if (!name.endsWith('.json')) return [];
    const text = readOrNull(join(home, 'runs', name));
    return text === null ? [] : [JSON.parse(text) as RememberedRun];
  });
}

/** Names in a folder. A place that is only remembered may be out of reach; the one that was asked for may not. */
async function entriesOf(place: string, asked: string): Promise<readonly string[]> {
  if (!isObjectPath(place)) return entries(place);
  return place === asked ? namesIn(place) : namesIn(place).catch(() => []);
}

/** The run whose folder this is; null where it holds none, or is out of reach. */
async function runIn(runDir: string): Promise<KnownRun | null> {
  try {
    const manifest = await readManifest(runDir);
    if (manifest === null) return null;
    return { runId: manifest.runId, runDir, configFile: null, manifest, damaged: null };
  } catch (error) {
    const damaged =
      error instanceof PipelineError && error.fault.kind === 'data-invalid' ? error.fault : null;
    if (damaged === null) return null;
    return { runId: basename(runDir), runDir, configFile: null, manifest: null, damaged };
  }
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
