// Signatures first; bodies follow within minutes.

import type { Env } from './env.ts';

/** A service process that this command started. */
export interface StartedService {
  readonly name: 'temporal' | 'kafka';
  readonly pid: number;
  /** Which provisioning branch won, for people: `temporal on PATH`, `jars by Maven, java 17`, ... */
  readonly how: string;
}

/** A service that died and came back. */
export interface ServiceRestart {
  readonly name: 'temporal' | 'kafka';
  readonly pid: number;
  /** Restarts of this service seen by this command so far. */
  readonly restarts: number;
  readonly seconds: number;
}

/** Where Temporal and Kafka are, and how to let go of them. */
export interface Services extends AsyncDisposable {
  readonly temporal: { readonly address: string; readonly namespace: string; readonly uiUrl?: string };
  readonly brokers: readonly string[];
  /** Empty where everything was reachable already. */
  readonly started: readonly StartedService[];
  /** Lets go: stops what runs locally unless `keep` was asked by any command or another command still uses it. */
  stop(): Promise<void>;
  /** Restarts local services that die, on the same port with the same data, until disposed. */
  supervise(onRestart: (restart: ServiceRestart) => void): Disposable;
}

export interface ServicesOptions {
  readonly env: Env;
  /** True leaves local services running after this command (`tessera up`, `--detach`). */
  readonly keep: boolean;
  /** Lines for people: what is fetched and started. */
  readonly onNote?: (note: string) => void;
  readonly signal?: AbortSignal;
}

/** One line of `tessera status`. */
export interface ServiceStatus {
  readonly name: 'temporal' | 'kafka';
  readonly state: 'running' | 'stopped';
  readonly address: string;
  readonly pid: number | null;
  readonly how: string;
  readonly log: string;
}

export declare function ensureServices(options: ServicesOptions): Promise<Services>;
export declare function stopServices(home: string): Promise<readonly StartedService[]>;
export declare function servicesStatus(home: string): Promise<readonly ServiceStatus[]>;
