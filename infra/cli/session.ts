// What a command needs to run sweeps: services, a Temporal client and workers, all supervised, and stopped at
// the end.

import { Client, type Connection } from '@temporalio/client';

import { PipelineError } from '#schemas/errors.ts';
import { TIMEOUTS } from '../../temporal.config.ts';
import { type Env, temporalConnectionOptions } from '../env.ts';
import { dataConverterOf } from '../payload-codec.ts';
import { ensureServices, type Services } from '../services.ts';
import { connectTemporal } from '../temporal-connection.ts';
import { backgroundWorkers, startBackgroundWorkers, stopBackgroundWorkers } from './background-workers.ts';
import { createCleanups } from './cleanups.ts';
import { faultOfFailure } from './cli-fault.ts';
import { addressesOf, followServices } from './follow-services.ts';
import { aborted } from './interrupts.ts';
import { startWorkers, type WorkerGroup } from './worker-group.ts';
import { shareOfCores, workerCommand } from './worker-process.ts';

const CONNECT_MS = 10_000;

export interface SessionOptions {
  readonly env: Env;
  /** Worker processes of this command; null takes 1, or none where background workers run. 0 starts none. */
  readonly processes: number | null;
  /** `background` leaves services and workers running when the session ends. */
  readonly lifetime: 'command' | 'background';
  /** Lines for people. */
  readonly onNote: (line: string) => void;
  /** A process that died is back; a line for people. @default onNote */
  readonly onRestart?: (of: 'worker' | 'service', line: string) => void;
  readonly signal: AbortSignal;
  /** Registers what must be killed when the user insists on ending at once. */
  readonly onForce?: (kill: () => void) => void;
}

export interface Session extends AsyncDisposable {
  readonly client: Client;
  readonly services: Services;
  /** Whether workers of this session do the work, so that it stands still without them. */
  readonly ownWorkers: boolean;
  /** Rejects when workers keep dying, or a local service has no room on its disk; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** How long workers may take to finish what they do before they are killed. */
export const WORKER_GRACE_MS = TIMEOUTS.shutdownGraceMs + 3000;

/**
 * Provides services, connects, and starts workers.
 * @throws PipelineError `service-unavailable` with what was tried.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { env, onNote, signal } = options;
  const cleanups = createCleanups();
  try {
    const services = await ensureServices({ env, keep: options.lifetime === 'background', onNote, signal });
    cleanups.defer(() => services.stop());
    const restarted = options.onRestart ?? ((_, line) => onNote(line));
    let group: WorkerGroup | null = null;
    const watch = followServices(services, {
      onRestart: ({ name, pid, seconds }) =>
        restarted('service', `${name} died; it is back as process ${pid} after ${seconds.toFixed(1)} s`),
      onNote,
      workers: () => group,
    });
    cleanups.defer(() => watch[Symbol.dispose]());
    const connection = await connect(env, services);
    cleanups.defer(() => connection.close());
    const client = clientOf(env, connection);
    group = await provideWorkers(options, services);
    if (group !== null) {
      const { stop, kill, ready } = group;
      cleanups.defer(stop);
      options.onForce?.(kill);
      await Promise.race([ready, watch.failed, aborted(signal)]);
    }
    signal.throwIfAborted();
    const stop = () => cleanups.run();
    const failed = Promise.race([watch.failed, group?.failed ?? forever()]);
    failed.catch(() => undefined);
    return { client, services, ownWorkers: group !== null, failed, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}

/** A Temporal client of services that run already. Close the connection when done. */
export async function connect(env: Env, services: Pick<Services, 'temporal'>): Promise<Connection> {
  const { address } = services.temporal;
  try {
    return await connectTemporal(temporalConnectionOptions(env, address), CONNECT_MS);
  } catch (error) {
    const value = faultOfFailure(error).what;
    const remedy = 'Check TEMPORAL_ADDRESS and its TLS settings, or unset it to have a local server started.';
    const what = 'the Temporal server cannot be reached';
    const fault = { kind: 'service-unavailable', what, where: address, value, remedy } as const;
    throw new PipelineError(fault, { cause: error });
  }
}

/** A client that reads and writes what this environment's workers do. */
export function clientOf(env: Env, connection: Connection): Client {
  const { namespace, payloadKeys } = env.temporal;
  return new Client({ connection, namespace, dataConverter: dataConverterOf(payloadKeys) });
}

/** Environment that points child processes at the session's services. */
export function serviceVariables(env: Env, services: Services): NodeJS.ProcessEnv {
  const addresses = addressesOf(services);
  const address = env.temporal.address === null ? { TEMPORAL_ADDRESS: addresses.temporal } : {};
  const brokers = env.kafka.brokers === null ? { KAFKA_BROKERS: addresses.brokers } : {};
  return { ...address, ...brokers, TEMPORAL_NAMESPACE: services.temporal.namespace, TESSERA_HOME: env.home };
}

async function provideWorkers(options: SessionOptions, services: Services): Promise<WorkerGroup | null> {
  const { env, onNote, onRestart, lifetime } = options;
  await moveWorkers(options, services);
  const running = backgroundWorkers(env.home).filter(
    ({ temporal }) => temporal === services.temporal.address,
  );
  if (options.processes === 0 || (options.processes === null && running.length > 0)) return null;
  const processes = options.processes ?? 1;
  const variables = serviceVariables(env, services);
  if (lifetime === 'background') {
    const { pid } = await startBackgroundWorkers(env.home, { processes, env: variables });
    onNote(`workers run in the background (process ${pid}); tessera down stops them`);
    return null;
  }
  const command = await workerCommand({ ...variables, ...shareOfCores(processes) }, env.home);
  return startWorkers({
    command,
    processes,
    onRestart: onRestart === undefined ? onNote : (line) => onRestart('worker', line),
    graceMs: WORKER_GRACE_MS,
  });
}

/**
 * Workers in the background keep the addresses that they were started with. Where another program took a dead service's port, this
 * command has started it at another one, and they would wait for the old one for ever.
 */
async function moveWorkers({ env, onNote }: SessionOptions, services: Services): Promise<void> {
  if (services.started.length === 0) return;
  const { temporal, brokers } = addressesOf(services);
  const left = backgroundWorkers(env.home);
  const stale = left.filter((found) => found.temporal !== temporal || found.brokers !== brokers);
  if (stale.length === 0) return;
  onNote('services of this home are at other addresses now; its background workers are started again');
  await stopBackgroundWorkers(env.home, WORKER_GRACE_MS);
  const processes = left.reduce((sum, found) => sum + found.processes, 0);
  await startBackgroundWorkers(env.home, { processes, env: serviceVariables(env, services) });
}

function forever(): Promise<never> {
  return new Promise<never>(() => undefined);
}
