// The two local services as data: how each is provisioned, launched, awaited and ended.

import type { Env } from '../env.ts';
import { localKafkaReady, localTemporalReady, type LocalTarget } from './health.ts';
import { KAFKA_PORTS, prepareKafka, provisionKafka } from './kafka.ts';
import { claimPorts, releasePorts } from './ports.ts';
import { isAlive, type Launch, startDetached } from './processes.ts';
import { watchForTakenPort } from './service-log.ts';
import type { ServiceName, ServiceRecord } from './state.ts';
import { type ProvisionOptions, provisionTemporal, TEMPORAL_PORTS, temporalLaunch } from './temporal.ts';

export interface LocalService {
  readonly name: ServiceName;
  /** For people. */
  readonly title: string;
  readonly ports: readonly (readonly number[])[];
  /** Time between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  /** How it is started, and which of the ports it will use. */
  plan(
    options: ProvisionOptions,
    ports: readonly number[],
  ): Promise<{ readonly how: string; readonly launch: Launch; readonly ports: readonly number[] }>;
  ready(target: LocalTarget, env: Env): Promise<void>;
}

export const TEMPORAL: LocalService = {
  name: 'temporal',
  title: 'Temporal',
  ports: TEMPORAL_PORTS,
  graceMs: 10_000,
  plan: async (options, ports) => {
    const { how, value } = await provisionTemporal(options);
    return { how, ...temporalLaunch(value, { home: options.env.home, ports }) };
  },
  ready: (target, env) => localTemporalReady(target, env.temporal.namespace),
};

export const KAFKA: LocalService = {
  name: 'kafka',
  title: 'Kafka',
  ports: KAFKA_PORTS,
  graceMs: 15_000,
  plan: async (options, ports) => {
    const { env, probe } = options;
    const { how, value } = await provisionKafka(options);
    return { how, ports, launch: await prepareKafka(value, { home: env.home, ports, probe }) };
  },
  ready: (target, env) => localKafkaReady(target, env),
};

/** Of a service whose ports are taken each time. */
const STARTS = 3;

/** A record with a live process. */
export type RunningRecord = ServiceRecord & { readonly process: NonNullable<ServiceRecord['process']> };

export function isRunning(record: ServiceRecord | null): record is RunningRecord {
  return record?.process != null && isAlive(record.process);
}

export interface StartOptions extends ProvisionOptions {
  /** What this home knows of the service; its ports are taken again where they are free. */
  readonly known: ServiceRecord | null;
  /** Stores the record before readiness is awaited, so that a killed command leaves no unknown process. */
  readonly store: (record: RunningRecord) => Promise<void>;
}

/**
 * Provisions, starts and awaits a service; on other ports where somebody took its own before it listened.
 * @throws PipelineError `service-unavailable`.
 */
export async function startService(service: LocalService, options: StartOptions): Promise<RunningRecord> {
  const { env, known, onNote, signal } = options;
  let wishes = service.ports.map((preferred, i) => [...(known?.ports.slice(i, i + 1) ?? []), ...preferred]);
  for (let left = STARTS - 1; ; left -= 1) {
    const { record, isPortTaken } = await launchService(service, wishes, options);
    try {
      await awaitService(service, record, { env, ...(signal !== undefined && { signal }) });
      return record;
    } catch (error) {
      if (left === 0 || isAlive(record.process) || !(await isPortTaken())) throw error;
      onNote(`${service.title}: another process took a port that was free; trying others`);
      await releasePorts(record.ports, { home: env.home });
      wishes = service.ports.map(() => []);
    }
  }
}

async function launchService(
  service: LocalService,
  wishes: readonly (readonly number[])[],
  options: StartOptions,
): Promise<{ readonly record: RunningRecord; readonly isPortTaken: () => Promise<boolean> }> {
  const { env, onNote, signal, store } = options;
  await using claimed = await claimPorts(wishes, { home: env.home });
  const { how, launch, ports } = await service.plan(options, claimed.ports);
  onNote(`${service.title}: starting on 127.0.0.1:${ports[0]} (${how})`);
  signal?.throwIfAborted();
  const isPortTaken = watchForTakenPort(launch.log);
  const process = await startDetached(launch, env.variables.reveal());
  const record: RunningRecord = { process, ports, how, launch };
  await store(record);
  await claimed.keep(ports, env.home);
  return { record, isPortTaken };
}

/** Starts a dead service again exactly as it was: same command, ports and data. It may not answer yet. */
export async function relaunch(record: ServiceRecord, env: Env): Promise<RunningRecord> {
  return { ...record, process: await startDetached(record.launch, env.variables.reveal()) };
}

/** Resolves when a started service answers. */
export async function awaitService(
  service: LocalService,
  { process, ports, launch }: RunningRecord,
  { env, signal }: { readonly env: Env; readonly signal?: AbortSignal },
): Promise<void> {
  const target = { process, port: ports[0] ?? 0, launch, ...(signal !== undefined && { signal }) };
  await service.ready(target, env);
}
