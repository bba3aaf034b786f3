// A set of jars in a cache folder named by the hash of the committed list, so they are checked and fetched once.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCacheFolder } from './cache-folder.ts';
import { type Probe, reasonOf } from './probe.ts';
import type { ProvisionOptions } from './temporal.ts';

export interface JarSet {
  /** Folder with the committed `pom.xml` and `jars.sha256`. */
  readonly source: string;
  /** SHA-256 by file name. */
  readonly jars: ReadonlyMap<string, string>;
  /** Folder of the cache that holds exactly these jars once they are there. */
  readonly target: string;
}

const RESOLVE_TIMEOUT_MS = 900_000;
const MAVEN_FLAGS = ['--quiet', '--batch-mode', '--strict-checksums'];

/** Reads the list of a set. */
export async function readJarSet(
  source: string,
  { cache, name }: { cache: string; name: string },
): Promise<JarSet> {
  const list = await readFile(join(source, 'jars.sha256'), 'utf8');
  const hash = createHash('sha256').update(list).digest('hex').slice(0, 16);
  return { source, jars: parseJars(list), target: join(cache, `${name}-jars-${hash}`) };
}

/** `sha256  name` lines, as written by sha256sum, to hash by file name. */
export function parseJars(list: string): ReadonlyMap<string, string> {
  const lines = list.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

/** The folder of the cache. @throws Error where a jar is missing. */
export async function cachedJars(probe: Probe, { jars, target }: JarSet): Promise<string> {
  for (const name of jars.keys()) {
    if (!(await probe.isFile(join(target, name)))) throw new Error('none yet');
  }
  return target;
}

/**
 * Fills the folder of the cache, whole or not at all.
 * @param resolve - puts jars into the folder `work/jars`.
 * @throws Error naming a jar that is missing or not the pinned one.
 */
export async function resolveJars(
  { jars, target }: JarSet,
  resolve: (work: string) => Promise<void>,
): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'tessera-jars-'));
  try {
    await resolve(work);
    await makeCacheFolder(target, async (partial) => {
      await mkdir(partial);
      for (const [name, sha256] of jars)
        await takeJar({ name, sha256, from: join(work, 'jars'), to: partial });
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

/** Has Maven resolve the set's pom. @throws Error saying why not: no Maven, no network. */
export async function jarsByMaven(
  set: JarSet,
  options: ProvisionOptions & { readonly what: string; readonly megabytes: number },
): Promise<string> {
  const { probe, onNote, signal, what, megabytes } = options;
  const mvn = await probe.which('mvn');
  if (mvn === null) throw new Error('no mvn on PATH');
  onNote(`${what} with Maven (${megabytes} MB, once)`);
  return resolveJars(set, async (work) => {
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'jars')}`];
    const result = await probe.run(mvn, [...MAVEN_FLAGS, '-f', join(set.source, 'pom.xml'), ...goal], {
      timeoutMs: RESOLVE_TIMEOUT_MS,
      ...(signal !== undefined && { signal }),
    });
    if (result.exitCode !== 0) throw new Error(`mvn: ${reasonOf(result)}`);
  });
}

interface Jar {
  readonly name: string;
  readonly sha256: string;
  readonly from: string;
  readonly to: string;
}

async function takeJar({ name, sha256, from, to }: Jar): Promise<void> {
  const bytes = await readFile(join(from, name)).catch(() => null);
  if (bytes === null) throw new Error(`${name} was not resolved`);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== sha256) throw new Error(`${name} has sha256 ${actual}, expected ${sha256}`);
  await writeFile(join(to, name), bytes);
}
