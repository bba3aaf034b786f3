// Things to undo at the end, last first. (AsyncDisposableStack needs a newer Node.)

export interface Cleanups {
  defer(undo: () => unknown): void;
  /** Runs everything once, even where one step fails; then throws the first failure. */
  run(): Promise<void>;
}

/** An empty list of cleanups. */
export function createCleanups(): Cleanups {
  const steps: (() => unknown)[] = [];
  return {
    defer(undo) {
      steps.push(undo);
    },
    async run() {
      const failures: unknown[] = [];
      for (let undo = steps.pop(); undo !== undefined; undo = steps.pop()) {
        try {
          await undo();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
