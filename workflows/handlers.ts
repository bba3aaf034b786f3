// Signals and queries of all workflows.

import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { ChainsReport, RunProgress } from '../schemas/messages.ts';
import {
  QUERY_PROGRESS,
  SIGNAL_CHAINS,
  SIGNAL_EXTEND,
  SIGNAL_PAUSE,
  SIGNAL_RESUME,
} from '../schemas/messages.ts';

export const pauseSignal = defineSignal(SIGNAL_PAUSE);
export const resumeSignal = defineSignal(SIGNAL_RESUME);
export const progressQuery = defineQuery<RunProgress>(QUERY_PROGRESS);
/** So many more draws of each chain. */
export const extendSignal = defineSignal<[draws: number]>(SIGNAL_EXTEND);
export const chainsSignal = defineSignal<[report: ChainsReport]>(SIGNAL_CHAINS);
