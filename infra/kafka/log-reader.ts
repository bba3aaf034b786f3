// Reading one partition of the code log: fetch after fetch, noting the place for writers, and telling when the log was cut.

import { PipelineError } from '#schemas/errors.ts';
import type { FetchedMessages } from '../../activities/ports.ts';
import { OffsetOutOfRange } from './answers.ts';
import { isForGood, type TopicConnection } from './topic-connection.ts';

/** One fetch: a reader gets what is there after a moment, rather than every message by itself. */
const FETCH = { minBytes: 512 * 1024, maxBytes: 2 * 1024 * 1024, maxWaitMs: 100 } as const;
const NOTE_EVERY_MS = 1000;

interface Place {
  readonly topic: string;
  readonly partition: number;
}

interface ReadOptions extends Place {
  readonly from: bigint;
  readonly signal: AbortSignal;
  readonly gatherBytes?: () => number;
  /** First and next offset of the partition. */
  readonly offsets: () => Promise<{ readonly low: bigint; readonly high: bigint }>;
  /** Turns what the client throws into faults. */
  readonly guard: <T>(act: () => Promise<T>) => Promise<T>;
}

/**
 * Messages from `from` on, over a connection that is this reader's own (a broker answers the requests of one connection in turn)
 * and is closed at its end.
 */
export async function* readLog(
  opened: TopicConnection,
  { topic, partition, from, signal, gatherBytes = () => FETCH.minBytes, offsets, guard }: ReadOptions,
): AsyncGenerator<FetchedMessages> {
  await using connection = opened;
  const note = positionNoter(connection, partition);
  for (let next = from; !signal.aborted; ) {
    const at = next;
    const fetched = guard(() => {
      note(at);
      const minBytes = Math.max(1, Math.min(FETCH.minBytes, Math.floor(gatherBytes())));
      return connection.fetch(partition, { from: at, ...FETCH, minBytes }).catch(async (error) => {
        if (!(error instanceof OffsetOutOfRange)) throw error;
        throw truncated({ topic, partition }, at, await offsets());
      });
    });
    const answer = await untilAborted(fetched, signal);
    if (answer === null) return;
    if (answer.messages.length === 0) continue;
    yield answer;
    next = answer.messages.at(-1)!.offset + 1n;
  }
}

/**
 * Notes a reader's place at most once a second, beside the reading. A coordinator that is away is asked again later: writers only
 * wait the longer. @throws what Kafka refuses for good, such as a group that this user may not use, with the note after it.
 */
function positionNoter(connection: TopicConnection, partition: number): (next: bigint) => void {
  let noted = -1n;
  let busy = false;
  let notedAtMs = Number.NEGATIVE_INFINITY;
  let refusal: { readonly error: unknown } | null = null;
  return (next) => {
    if (refusal !== null) throw refusal.error;
    if (busy || next === noted || performance.now() - notedAtMs < NOTE_EVERY_MS) return;
    busy = true;
    notedAtMs = performance.now();
    connection
      .noteRead(partition, next)
      .then(
        () => {
          noted = next;
        },
        (error) => {
          if (isForGood(error)) refusal = { error };
        },
      )
      .finally(() => {
        busy = false;
      });
  };
}

function truncated(
  { topic, partition }: Place,
  next: bigint,
  { low, high }: { low: bigint; high: bigint },
): PipelineError {
  const where = `partition ${partition} of ${topic}`;
  if (next > high) {
    return new PipelineError({
      kind: 'log-truncated',
      where,
      what: 'the log has lost messages at its end that were read before',
      value: `it ends at offset ${high}, and ${next} comes next`,
      remedy:
        'Let topics have replicas and no unclean leader elections; the same command makes again what is missing.',
    });
  }
  return new PipelineError({
    kind: 'log-truncated',
    where,
    what: 'Kafka deleted messages before they were aggregated',
    value: `offsets ${next} to ${low - 1n}`,
    remedy:
      'Raise retention.ms and retention.bytes, which the cluster must have set below what Tessera asks for; the same command makes again what was lost.',
  });
}

/**
 * The result, or null as soon as the signal aborts. A race against one promise for all fetches would keep every answer alive
 * as long as that promise.
 */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(null);
    signal.addEventListener('abort', stop, { once: true });
    const done = () => signal.removeEventListener('abort', stop);
    work.then(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}
