// Runs on disk: their manifests, and where on this machine they lie.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { PipelineError } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import { didYouMean } from '../config/similar-name.ts';

/** A run that this machine knows of. `manifest` is null until planning has written `run.json`. */
export interface KnownRun {
  readonly runId: string;
  readonly runDir: string;
  readonly configFile: string | null;
  readonly manifest: RunManifest | null;
}

/**
 * Reads `<runDir>/run.json`.
 * @returns null where there is none.
 * @throws PipelineError `data-invalid` where it is not a manifest.
 */
export function readManifest(runDir: string): RunManifest | null {
  const file = join(runDir, 'run.json');
  const text = readOrNull(file);
  if (text === null) return null;
  try {
    const manifest = JSON.parse(text) as Partial<RunManifest>;
    if (typeof manifest.runId === 'string' && typeof manifest.status === 'string')
      return manifest as RunManifest;
  } catch {
    // Told below, in the same words as for JSON of another shape.
  }
  const remedy = 'Move the folder away, or give the run another id or --out folder.';
  throw new PipelineError({ kind: 'data-invalid', what: 'this is no run manifest', where: file, remedy });
}

/** Remembers where a run lies, so that `status RUN` finds it from any folder. */
export function rememberRun(
  home: string,
  run: { readonly runId: string; readonly runDir: string; readonly configFile: string },
): void {
  const folder = join(home, 'runs');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${createHash('sha256').update(run.runDir).digest('hex').slice(0, 16)}.json`);
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(run));
  renameSync(`${file}.${process.pid}`, file);
}

/**
 * Every run below `out`, every remembered run, and their neighbours (scheduled runs), newest last. Runs
 * without a manifest are in planning, or failed there.
 */
export function knownRuns(home: string, out: string): readonly KnownRun[] {
  const remembered = rememberedRuns(home);
  const places = new Set([resolve(out), ...remembered.map(({ runDir }) => dirname(runDir))]);
  const folders = new Map<string, { readonly runId: string; readonly configFile: string | null }>();
  for (const place of places) {
    for (const name of entries(place)) {
      const runDir = join(place, name);
      if (readOrNull(join(runDir, 'run.json')) !== null)
        folders.set(runDir, { runId: name, configFile: null });
    }
  }
  for (const { runId, runDir, configFile } of remembered) folders.set(runDir, { runId, configFile });
  return [...folders]
    .map(([runDir, { runId, configFile }]) => {
      const manifest = manifestOrNull(runDir);
      return { runId: manifest?.runId ?? runId, runDir, configFile, manifest };
    })
    .sort((a, b) => compare(createdAt(a), createdAt(b)) || compare(a.runDir, b.runDir));
}

/**
 * The run that a user names by id or by folder; the newest where several folders hold the id.
 * @throws PipelineError `run-unknown`, listing the known ones.
 */
export function findRun(
  name: string,
  { home, out }: { readonly home: string; readonly out: string },
): KnownRun {
  const asFolder = manifestOrNull(resolve(name));
  if (asFolder !== null)
    return { runId: asFolder.runId, runDir: resolve(name), configFile: null, manifest: asFolder };
  const runs = knownRuns(home, out);
  const found = runs.filter(({ runId }) => runId === name).at(-1);
  if (found !== undefined) return found;
  const names = [...new Set(runs.filter(({ manifest }) => manifest !== null).map(({ runId }) => runId))];
  const remedy =
    names.length === 0
      ? `No run is known here, and ${out} holds none. Give --out DIR if they lie elsewhere.`
      : `Known: ${names.join(', ')}${didYouMean(name, names) || '.'}`;
  throw new PipelineError({ kind: 'run-unknown', what: 'no such run', value: name, remedy });
}

/** Runs that are still in planning count as newest. */
function createdAt({ manifest }: KnownRun): string {
  return manifest?.createdAt ?? '~';
}

function rememberedRuns(home: string): readonly { runId: string; runDir: string; configFile: string }[] {
  return entries(join(home, 'runs')).flatMap((name) => {
    if (!name.endsWith('.json')) return [];
    const text = readOrNull(join(home, 'runs', name));
    return text === null ? [] : [JSON.parse(text) as { runId: string; runDir: string; configFile: string }];
  });
}

function manifestOrNull(runDir: string): RunManifest | null {
  try {
    return readManifest(runDir);
  } catch {
    return null;
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
