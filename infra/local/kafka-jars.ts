// The broker's jars: cached, by Maven, or by `jgo` from PyPI.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedJars, type JarSet, jarsByMaven, readJarSet, resolveJars } from './pinned-jars.ts';
import { reasonOf } from './probe.ts';
import { findPython, installPythonPackages } from './python-packages.ts';
import type { ProvisionOptions } from './temporal.ts';
import { firstThatWorks, type Found, type Way } from './ways.ts';

const HERE = join(dirname(fileURLToPath(import.meta.url)), 'kafka');
const COORDINATES = 'org.apache.kafka:kafka_2.13:4.1.1+org.slf4j:slf4j-simple:1.7.36';
const RESOLVE_TIMEOUT_MS = 900_000;

/**
 * Folder that holds exactly the jars of `kafka/jars.sha256`: cached, else by Maven, else by `jgo`.
 * @throws PipelineError `service-unavailable` with every way tried.
 */
export async function provisionJars(options: ProvisionOptions): Promise<Found<string>> {
  const { env, probe, signal } = options;
  const set = await readJarSet(HERE, { cache: env.cache, name: 'kafka' });
  const what = "Kafka: fetching the broker's jars";
  const maven: Way<string> = {
    name: 'jars by Maven',
    attempt: () => jarsByMaven(set, { ...options, what, megabytes: 40 }),
  };
  const jgo: Way<string> = { name: 'jars by jgo', attempt: () => byJgo(set, options) };
  const cached: Way<string> = { name: 'cached jars', attempt: () => cachedJars(probe, set) };
  const fetching = { auto: [maven, jgo], maven: [maven], jgo: [jgo], docker: [] }[env.kafka.source];
  return firstThatWorks([cached, ...fetching], {
    what: 'the Kafka jars',
    service: 'Kafka',
    remedy: 'Install Maven, or Python 3.10 or newer with pip.',
    ...(signal !== undefined && { signal }),
  });
}

async function byJgo(set: JarSet, { probe, onNote, signal, env }: ProvisionOptions): Promise<string> {
  const python = await findPython(probe);
  onNote("Kafka: fetching the broker's jars with jgo from PyPI (40 MB, once)");
  const abort = signal === undefined ? {} : { signal };
  return resolveJars(set, async (work) => {
    const target = join(work, 'jgo');
    await installPythonPackages(probe, { python, requirements: 'jgo', target, hashed: false, ...abort });
    const result = await probe.run(python, [join(HERE, 'resolve_jars.py'), COORDINATES, work], {
      timeoutMs: RESOLVE_TIMEOUT_MS,
      variables: { PYTHONPATH: target, PYTHONDONTWRITEBYTECODE: '1', XDG_CACHE_HOME: env.cache },
      ...abort,
    });
    if (result.exitCode !== 0) throw new Error(`jgo: ${reasonOf(result)}`);
  });
}
