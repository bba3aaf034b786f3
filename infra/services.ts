// Temporal and Kafka for one command: configured ones are checked, missing ones are started here and shared.

import { checkConfiguredKafka, checkConfiguredTemporal } from './local/health.ts';
import type { LocalServiceStatus, ServiceRestart, ServicesOptions, StartedService } from './local/reports.ts';
import { startLocal } from './local/start-local.ts';
import { leaveServices, runningServices, stopAll } from './local/stop-local.ts';
import type { ServiceName } from './local/state.ts';
import { superviseServices, type Supervision } from './local/supervisor.ts';

/** Where Temporal and Kafka are, and how to let go of them. */
export interface Services extends AsyncDisposable {
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl?: string };
  readonly brokers: readonly string[];
  /** Empty where everything ran already. */
  readonly started: readonly StartedService[];
  /** Lets go: stops what runs locally unless a command asked to keep it or another command still uses it. */
  stop(): Promise<void>;
  /** Restarts local services that die, on the same port with the same data, until disposed; fails where their disk is full. */
  supervise(onRestart: (restart: ServiceRestart) => void): Supervision;
}

/** One line of `tessera status`. */
export type ServiceStatus = LocalServiceStatus;

/**
 * Makes Temporal and Kafka available: TEMPORAL_ADDRESS and KAFKA_BROKERS win; what is not configured is
 * reused from this home when it runs, else fetched where needed and started, both at once.
 * @throws PipelineError `service-unavailable` saying what was tried and what helps; nothing is left running
 * then.
 */
export async function ensureServices(options: ServicesOptions): Promise<Services> {
  const { env, signal } = options;
  const onNote = options.onNote ?? (() => undefined);
  const local = await startConfiguredAndLocal({ ...options, onNote });
  const temporalPort = local.records.temporal?.ports;
  const kafkaPort = local.records.kafka?.ports[0];
  const names = Object.keys(local.records) as ServiceName[];
  let left: Promise<void> | null = null;
  const stop = () => (left ??= names.length === 0 ? Promise.resolve() : leaveServices(env.home, { onNote }));
  return {
    temporal: {
      address: env.temporal.address ?? `127.0.0.1:${temporalPort?.[0]}`,
      namespace: env.temporal.namespace,
      ...(temporalPort?.[1] !== undefined && { uiUrl: `http://127.0.0.1:${temporalPort[1]}` }),
    },
    brokers: env.kafka.brokers ?? [`127.0.0.1:${kafkaPort}`],
    started: local.started,
    stop,
    supervise: (onRestart) => superviseServices({ env, names, onRestart, onNote, ...(signal && { signal }) }),
    [Symbol.asyncDispose]: stop,
  };
}

/** Stops this home's services for every command (`tessera down`). @returns What was running. */
export async function stopServices(home: string): Promise<readonly StartedService[]> {
  return stopAll(home);
}

/** What this home knows of its local services; services that are configured by address are not listed. */
export async function servicesStatus(home: string): Promise<readonly ServiceStatus[]> {
  return runningServices(home);
}

async function startConfiguredAndLocal(
  options: ServicesOptions & { readonly onNote: (note: string) => void },
) {
  const { env, signal } = options;
  const { temporal, kafka } = env;
  await Promise.all([
    temporal.address === null ? null : checkConfiguredTemporal(env, signal),
    kafka.brokers === null ? null : checkConfiguredKafka(env, signal),
  ]);
  const names: ServiceName[] = [];
  if (temporal.address === null) names.push('temporal');
  if (kafka.brokers === null) names.push('kafka');
  return startLocal({ ...options, names });
}
