// Talking to services that run already: for status, pause and the like, which never start any.

import type { Client } from '@temporalio/client';

import { PipelineError } from '#schemas/errors.ts';
import type { Env } from '../env.ts';
import { type ServiceStatus, servicesStatus } from '../services.ts';
import { clientOf, connect } from './session.ts';

/** A client of a running Temporal server. */
export interface Attached extends AsyncDisposable {
  readonly client: Client;
  readonly address: string;
}

/** Address of the Temporal server that this environment would use, or null where none runs. */
export async function temporalAddress(env: Env): Promise<string | null> {
  if (env.temporal.address !== null) return env.temporal.address;
  return addressIn(await servicesStatus(env.home));
}

/**
 * Connects to the Temporal server of the environment, or to the local one that runs.
 * @throws PipelineError `service-unavailable` where none runs or it does not answer.
 */
export async function attach(env: Env): Promise<Attached> {
  const address = await temporalAddress(env);
  if (address === null) {
    const remedy =
      'tessera run FILE goes on with an interrupted run; tessera up starts services and workers.';
    throw new PipelineError({
      kind: 'service-unavailable',
      what: 'no local Temporal server is running',
      remedy,
    });
  }
  const { namespace } = env.temporal;
  const connection = await connect(env, { temporal: { address, namespace } });
  return {
    client: clientOf(env, connection),
    address,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

function addressIn(services: readonly ServiceStatus[]): string | null {
  return services.find(({ name, state }) => name === 'temporal' && state === 'running')?.address ?? null;
}
