// Temporal's Java test server, for machines with Java and Maven where nothing else can be fetched. It keeps its histories in
// memory and has no web page: a run's durability is then what it has recorded.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provisionJava } from './java.ts';
import { cachedJars, jarsByMaven, readJarSet } from './pinned-jars.ts';
import type { Launch } from './processes.ts';
import { reasonOf } from './probe.ts';
import type { ProvisionOptions } from './temporal.ts';

const HERE = join(dirname(fileURLToPath(import.meta.url)), 'temporal');

export interface JavaServer {
  readonly kind: 'java';
  readonly java: string;
  readonly jars: string;
}

/** What the server needs, from the cache alone. @throws Error saying what is missing. */
export async function cachedJavaServer(options: ProvisionOptions): Promise<JavaServer> {
  const jars = await cachedJars(options.probe, await jarSet(options));
  return { kind: 'java', java: await ownJava(options), jars };
}

/** What the server needs, its jars fetched by Maven. @throws Error saying what is missing. */
export async function javaServerByMaven(options: ProvisionOptions): Promise<JavaServer> {
  const java = await ownJava(options);
  const what = 'Temporal: fetching its Java test server';
  const jars = await jarsByMaven(await jarSet(options), { ...options, what, megabytes: 33 });
  return { kind: 'java', java, jars };
}

/** Command line of the server on one loopback port. */
export function javaServerLaunch({ java, jars }: JavaServer, home: string, port: number): Launch {
  const flags = ['-Xmx512m', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];
  const args = [...flags, '-cp', join(jars, '*'), join(HERE, 'LoopbackServer.java'), String(port)];
  return { command: java, args, cwd: home, log: join(home, 'temporal.log'), variables: {} };
}

function jarSet({ env }: ProvisionOptions) {
  return readJarSet(HERE, { cache: env.cache, name: 'temporal' });
}

/** A Java with a compiler: the server's main class is run from its source. */
async function ownJava(options: ProvisionOptions): Promise<string> {
  const { value: java } = await provisionJava({ ...options, packaged: false });
  const modules = await options.probe.run(java, ['--list-modules'], { timeoutMs: 20_000 });
  if (modules.exitCode !== 0) throw new Error(`${java} --list-modules: ${reasonOf(modules)}`);
  if (!modules.stdout.includes('jdk.compiler')) throw new Error(`${java} has no compiler (a JDK is needed)`);
  return java;
}
