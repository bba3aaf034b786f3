// What starting, supervising and listing services take and tell.

import type { Env } from '../env.ts';
import type { ServiceName } from './state.ts';

/** A service process that this command started. */
export interface StartedService {
  readonly name: ServiceName;
  readonly pid: number;
  /** Which provisioning branch won, for people: `temporal on PATH`, `jars by Maven, java on PATH`, ... */
  readonly how: string;
}

/** A service that died and came back. */
export interface ServiceRestart {
  readonly name: ServiceName;
  readonly pid: number;
  /** Where it answers now: at another port where it was started anew, because its own was taken. */
  readonly address: string;
  /** Restarts of this service seen by this command so far. */
  readonly restarts: number;
  /** From the death being noticed to answering again. */
  readonly seconds: number;
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
export interface LocalServiceStatus {
  readonly name: ServiceName;
  readonly state: 'running' | 'stopped';
  readonly address: string;
  readonly pid: number | null;
  readonly how: string;
  readonly log: string;
}
