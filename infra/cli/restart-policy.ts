// When a process that died is started again, and when it is given up. Pure.

/** Memory of a supervised process. */
export interface RestartState {
  /** Deaths in a row without a stable stretch between them. */
  readonly failures: number;
}

export const FRESH_PROCESS: RestartState = { failures: 0 };

/** After this long a process counts as stable and its earlier deaths are forgotten. */
export const STABLE_MS = 20_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
const MOST_FAILURES = 6;

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly state: RestartState }
  | { readonly kind: 'give-up'; readonly failures: number };

/**
 * Exponential backoff over deaths in a row; gives up after six. Where others of its kind are stable, what ends this one is not the
 * program: it is tried again, at the longest pause, and they are not ended with it.
 */
export function decideRestart(
  state: RestartState,
  { uptimeMs, othersStable }: { readonly uptimeMs: number; readonly othersStable: boolean },
): RestartDecision {
  const counted = uptimeMs >= STABLE_MS ? 1 : state.failures + 1;
  if (counted > MOST_FAILURES && !othersStable) return { kind: 'give-up', failures: counted };
  const failures = Math.min(counted, MOST_FAILURES);
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return { kind: 'restart', delayMs, state: { failures } };
}
