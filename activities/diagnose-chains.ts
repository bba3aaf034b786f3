import type { DiagnoseInput, DiagnoseOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Diagnoses the draws that are collected; at the end into tables. */
export function diagnoseChains(compute: Compute) {
  return (input: DiagnoseInput): Promise<DiagnoseOutput> => runInThread(compute, 'diagnoseChains', input);
}
