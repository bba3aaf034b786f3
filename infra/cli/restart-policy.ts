// When a process that died is started again, and when it is given up. Pure.

/** Memory of a supervised process. */
export interface RestartState {
  /** Deaths in a row without a stable stretch between them. */
  readonly failures: number;
}

export const FRESH_PROCESS: RestartState = { failures: 0 };

/** After this long a process counts as stable and its earlier deaths are forgotten. */
const STABLE_MS = 20_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
const MOST_FAILURES = 6;

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly state: RestartState }
  | { readonly kind: 'give-up'; readonly failures: number };

/** Exponential backoff over deaths in a row; gives up after six. */
export function decideRestart(
  state: RestartState,
  { uptimeMs }: { readonly uptimeMs: number },
): RestartDecision {
  const failures = uptimeMs >= STABLE_MS ? 1 : state.failures + 1;
  if (failures > MOST_FAILURES) return { kind: 'give-up', failures };
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return { kind: 'restart', delayMs, state: { failures } };
}
