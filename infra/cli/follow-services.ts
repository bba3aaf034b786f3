// A command stays with its services. Where another program has taken a dead one's port, another command of the home starts it at
// another; workers are then started again with its address.

import { PipelineError } from '#schemas/errors.ts';
import type { ServiceRestart } from '../local/reports.ts';
import type { Supervision } from '../local/supervisor.ts';
import type { Services } from '../services.ts';
import type { WorkerGroup } from './worker-group.ts';

export interface FollowOptions {
  readonly onRestart: (restart: ServiceRestart) => void;
  /** Lines for people. */
  readonly onNote: (line: string) => void;
  /** The workers of this command, once there are any. */
  readonly workers: () => Pick<WorkerGroup, 'moveTo'> | null;
}

/** Where the services of a command are, as its workers are told. */
export function addressesOf(services: Pick<Services, 'temporal' | 'brokers'>): {
  readonly temporal: string;
  readonly brokers: string;
} {
  return { temporal: services.temporal.address, brokers: services.brokers.join(',') };
}

/**
 * Supervises the services.
 * @returns a supervision that also fails, with `service-unavailable`, where Temporal's server has moved: this command's own connection
 *   cannot.
 */
export function followServices(
  services: Pick<Services, 'temporal' | 'brokers' | 'supervise'>,
  options: FollowOptions,
): Supervision {
  const { temporal, brokers } = addressesOf(services);
  let known = { temporal, kafka: brokers };
  let onMoved: (error: Error) => void = () => undefined;
  const moved = new Promise<never>((_resolve, reject) => {
    onMoved = reject;
  });
  const watch = services.supervise((restart) => {
    const { name, address } = restart;
    options.onRestart(restart);
    if (address === known[name]) return;
    known = { ...known, [name]: address };
    if (name === 'temporal') return onMoved(serverMoved(address));
    options.onNote(`the broker is at ${address} now; the workers of this command are started again`);
    void options.workers()?.moveTo({ KAFKA_BROKERS: address });
  });
  const failed = Promise.race([watch.failed, moved]);
  failed.catch(() => undefined);
  return { failed, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

function serverMoved(where: string): PipelineError {
  return new PipelineError({
    kind: 'service-unavailable',
    what: 'the Temporal server came back at another address, because another program has taken its port',
    where,
    remedy: 'The same command goes on with the run there.',
  });
}
