// The broker's jars, in a cache folder named by the hash of the committed list, so they are checked and
// fetched once.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCacheFolder } from './cache-folder.ts';
import { type CommandResult, reasonOf } from './probe.ts';
import { installPythonPackages } from './python-packages.ts';
import type { ProvisionOptions } from './temporal.ts';
import { firstThatWorks, type Found, type Way } from './ways.ts';

const HERE = join(dirname(fileURLToPath(import.meta.url)), 'kafka');
const COORDINATES = 'org.apache.kafka:kafka_2.13:4.1.1+org.slf4j:slf4j-simple:1.7.36';
const RESOLVE_TIMEOUT_MS = 900_000;
const MAVEN_FLAGS = ['--quiet', '--batch-mode', '--strict-checksums'];

/**
 * Folder that holds exactly the jars of `kafka/jars.sha256`: cached, else by Maven, else by `jgo`.
 * @throws PipelineError `service-unavailable` with every way tried.
 */
export async function provisionJars(options: ProvisionOptions): Promise<Found<string>> {
  const { env, signal } = options;
  const list = await readFile(join(HERE, 'jars.sha256'), 'utf8');
  const target = join(
    env.cache,
    `kafka-jars-${createHash('sha256').update(list).digest('hex').slice(0, 16)}`,
  );
  const jars = parseJars(list);
  const maven: Way<string> = {
    name: 'jars by Maven',
    attempt: () => resolveInto(options, { jars, target, resolve: byMaven }),
  };
  const jgo: Way<string> = {
    name: 'jars by jgo',
    attempt: () => resolveInto(options, { jars, target, resolve: byJgo }),
  };
  const cached: Way<string> = { name: 'cached jars', attempt: () => fromCache(options, { jars, target }) };
  const fetching = { auto: [maven, jgo], maven: [maven], jgo: [jgo], docker: [] }[env.kafka.source];
  return firstThatWorks([cached, ...fetching], {
    what: 'the Kafka jars',
    service: 'Kafka',
    remedy: 'Install Maven, or Python 3.10 or newer with pip.',
    ...(signal !== undefined && { signal }),
  });
}

/** `sha256  name` lines, as written by sha256sum, to hash by file name. */
export function parseJars(list: string): ReadonlyMap<string, string> {
  const lines = list.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

interface JarSet {
  readonly jars: ReadonlyMap<string, string>;
  readonly target: string;
}

interface JarResolution extends JarSet {
  /** Puts jars into the folder `work/jars`. */
  readonly resolve: (options: ProvisionOptions, work: string) => Promise<void>;
}

async function fromCache({ probe }: ProvisionOptions, { jars, target }: JarSet): Promise<string> {
  for (const name of jars.keys()) {
    if (!(await probe.isFile(join(target, name)))) throw new Error('none yet');
  }
  return target;
}

async function resolveInto(
  options: ProvisionOptions,
  { jars, target, resolve }: JarResolution,
): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'tessera-jars-'));
  try {
    await resolve(options, work);
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

async function byMaven({ probe, onNote, signal }: ProvisionOptions, work: string): Promise<void> {
  const mvn = await probe.which('mvn');
  if (mvn === null) throw new Error('no mvn on PATH');
  onNote("Kafka: fetching the broker's jars with Maven (40 MB, once)");
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'jars')}`];
  const result = await probe.run(mvn, [...MAVEN_FLAGS, '-f', join(HERE, 'pom.xml'), ...goal], {
    timeoutMs: RESOLVE_TIMEOUT_MS,
    ...(signal !== undefined && { signal }),
  });
  requireSuccess('mvn', result);
}

async function byJgo({ probe, onNote, signal, env }: ProvisionOptions, work: string): Promise<void> {
  onNote("Kafka: fetching the broker's jars with jgo from PyPI (40 MB, once)");
  const abort = signal === undefined ? {} : { signal };
  const target = join(work, 'jgo');
  const { python } = await installPythonPackages(probe, {
    requirements: 'jgo',
    target,
    hashed: false,
    ...abort,
  });
  const result = await probe.run(python, [join(HERE, 'resolve_jars.py'), COORDINATES, work], {
    timeoutMs: RESOLVE_TIMEOUT_MS,
    variables: { PYTHONPATH: target, PYTHONDONTWRITEBYTECODE: '1', XDG_CACHE_HOME: env.cache },
    ...abort,
  });
  requireSuccess('jgo', result);
}

function requireSuccess(tool: string, result: CommandResult): void {
  if (result.exitCode !== 0) throw new Error(`${tool}: ${reasonOf(result)}`);
}
