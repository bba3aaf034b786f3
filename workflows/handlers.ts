// Signals and queries of all workflows.

import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { RunProgress } from '../schemas/messages.ts';
import { QUERY_PROGRESS, SIGNAL_PAUSE, SIGNAL_RESUME } from '../schemas/messages.ts';

export const pauseSignal = defineSignal(SIGNAL_PAUSE);
export const resumeSignal = defineSignal(SIGNAL_RESUME);
export const progressQuery = defineQuery<RunProgress>(QUERY_PROGRESS);
