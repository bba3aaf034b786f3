import type { ImagesInput } from '#schemas/messages.ts';
import type { ImagesPlanOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Plans a run about images, or finds where an interrupted one stands. Repeating it finds its own work. */
export function planImages(compute: Compute) {
  return (input: ImagesInput): Promise<ImagesPlanOutput> => runInThread(compute, 'planImages', input);
}
