// Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends at once.

import { PipelineError } from '#schemas/errors.ts';

/** Aborts when the user interrupts; the reason is an `interrupted` fault. */
export interface Interrupts extends Disposable {
  readonly signal: AbortSignal;
  /** Registers what the second signal must kill before this process ends. */
  onForce(kill: () => void): void;
}

/** Listens for SIGINT, SIGTERM and SIGHUP until disposed; the second one ends this process with code 130. */
export function listenForInterrupts(): Interrupts {
  const controller = new AbortController();
  const kills: (() => void)[] = [];
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      for (const kill of kills) kill();
      process.exit(130);
    }
    const remedy = 'The same command goes on where it stopped.';
    const what = name === 'SIGINT' ? 'interrupted' : `stopped by ${name}`;
    controller.abort(new PipelineError({ kind: 'interrupted', what, remedy }));
  };
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    onForce: (kill) => void kills.push(kill),
    [Symbol.dispose]() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

/** Rejects with the signal's reason when it aborts; never resolves. Settles silently when nobody listens. */
export function aborted(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  promise.catch(() => undefined);
  return promise;
}
