// The heartbeats of one activity. Each has the server write the run's whole state, some 4 ms of its processor: a task that ends
// before the first would be due sends none.

export interface Beats {
  /** What the last one says, sent or not. */
  readonly last: unknown;
  /** Says how far the task is: now, or when the task has gone on for so long that one is due. */
  beat(details: unknown): void;
  stop(): void;
}

interface BeatOptions {
  /** What an earlier attempt said last. */
  readonly first: unknown;
  /** So long a task may go on before it says anything, in ms: what the heartbeats that are sent lie apart. */
  readonly quietMs: number;
  /** So often the last one is said again, in ms. */
  readonly atLeastMs: number;
}

/** @param send - sends a heartbeat, or lets it wait where they come too close together. */
export function startBeats(
  send: (details: unknown) => void,
  { first, quietMs, atLeastMs }: BeatOptions,
): Beats {
  let last = first;
  let isQuiet = true;
  const sendLast = () => send(last);
  const quiet = setTimeout(() => {
    isQuiet = false;
    if (last !== first) sendLast();
  }, quietMs);
  const again = setInterval(sendLast, atLeastMs);
  return {
    get last() {
      return last;
    },
    beat(details) {
      last = details;
      if (!isQuiet) sendLast();
    },
    stop() {
      clearTimeout(quiet);
      clearInterval(again);
    },
  };
}
