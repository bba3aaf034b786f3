// Tries ways to get a service in their order; every failure is kept with its reason.

import { PipelineError } from '#schemas/errors.ts';

/** One way to get something; `attempt` throws an Error whose message says why it is not possible here. */
export interface Way<T> {
  readonly name: string;
  attempt(): Promise<T>;
}

export interface Found<T> {
  /** Name of the way that worked. */
  readonly how: string;
  readonly value: T;
}

export interface WaysOptions {
  /** What is looked for, for people: `a Temporal server`. */
  readonly what: string;
  readonly service: string;
  readonly remedy: string;
  readonly signal?: AbortSignal;
}

/**
 * First way that works.
 * @throws PipelineError `service-unavailable` listing every way that was tried, and why each failed.
 */
export async function firstThatWorks<T>(ways: readonly Way<T>[], options: WaysOptions): Promise<Found<T>> {
  const failures: string[] = [];
  for (const { name, attempt } of ways) {
    options.signal?.throwIfAborted();
    try {
      return { how: name, value: await attempt() };
    } catch (error) {
      options.signal?.throwIfAborted();
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new PipelineError({
    kind: 'service-unavailable',
    what: `no way to get ${options.what} worked`,
    where: options.service,
    tried: failures,
    remedy: options.remedy,
  });
}
