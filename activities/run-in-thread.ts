// How every activity hands its work to a thread: heartbeats carry the thread's last report, cancellation asks it to stop.

import { CancelledFailure, Context } from '@temporalio/activity';
import { describeFault, faultOf } from '#schemas/errors.ts';
import type { ThreadTasks } from '#schemas/tasks.ts';
import { TASK_QUEUES, TIMEOUTS } from '../temporal.config.ts';
import { startBeats } from './beats.ts';
import { failureOf, failuresBefore, failuresWith, withFailures } from './failures.ts';
import type { Compute } from './ports.ts';
import { workCounter } from './work-counters.ts';
import { workPlace } from './work-place.ts';

/** Runs `name` in a thread; faults become Temporal failures, and a stop that threw becomes a cancellation. */
export async function runInThread<Name extends keyof ThreadTasks>(
  compute: Compute,
  name: Name,
  input: ThreadTasks[Name]['input'],
): Promise<ThreadTasks[Name]['output']> {
  const context = Context.current();
  const { heartbeatDetails, taskQueue } = context.info;
  const count = workCounter(heartbeatDetails);
  const before = failuresBefore(heartbeatDetails);
  const beats = startBeats((details) => context.heartbeat(details), {
    first: heartbeatDetails,
    quietMs: taskQueue === TASK_QUEUES.cpu ? TIMEOUTS.encodeBeatMs : TIMEOUTS.waitBeatMs,
    // Planning and committing are silent for long; the beat says that the process lives.
    atLeastMs: TIMEOUTS.heartbeatMs / 4,
  });
  const beat = (report: unknown) => {
    count(report);
    beats.beat(withFailures(report, before));
  };
  const place = { attempt: context.info.attempt, ...workPlace(input) };
  context.log.info(`${name} starts`, place);
  try {
    const output = await compute.run(name, input, { signal: context.cancellationSignal, onProgress: beat });
    context.log.info(`${name} ends`, place);
    return output;
  } catch (error) {
    if (context.cancellationSignal.aborted) throw new CancelledFailure('stopped');
    context.log.warn(`${name} failed: ${describeFault(faultOf(error))}`, place);
    const failures = failuresWith(error, before);
    // The SDK sends the last heartbeat before the failure.
    context.heartbeat(withFailures(beats.last, failures));
    throw failureOf(error, { failures });
  } finally {
    beats.stop();
  }
}
