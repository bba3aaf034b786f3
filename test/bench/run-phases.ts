// Where a run's time goes: its phases out of the Temporal history, and the processor time of each process.

import { Client, Connection } from '@temporalio/client';
import { runWorkflowId } from '#schemas/messages.ts';
import { cpuSecondsOf, processesOf } from '../live/process-table.ts';

/** Seconds of a finished run, from the start of its workflow. */
export interface RunPhases {
  readonly planning: number;
  readonly encoding: number;
  /** From the last encoder's end until the last aggregator's. */
  readonly aggregating: number;
  readonly committing: number;
  /** The workflow as a whole; what lacks in the sum of the others is Temporal between the activities. */
  readonly workflow: number;
  /** Share of the encoders' slots that waited for their next task while encoding. */
  readonly idleSlots: number;
}

interface Spell {
  readonly startMs: number;
  readonly endMs: number;
}

/** @param slots - Encoders at a time. */
export async function runPhases(
  address: string,
  { runId, slots }: { readonly runId: string; readonly slots: number },
): Promise<RunPhases> {
  const connection = await Connection.connect({ address });
  try {
    const { events } = await new Client({ connection }).workflow
      .getHandle(runWorkflowId(runId))
      .fetchHistory();
    return phasesOf(events ?? [], slots);
  } finally {
    await connection.close();
  }
}

type HistoryEvents = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>;

function phasesOf(events: HistoryEvents, slots: number): RunPhases {
  const timeMs = (event: HistoryEvents[number]) =>
    Number(event.eventTime?.seconds) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6;
  const types = new Map<string, string>();
  const starts = new Map<string, number>();
  const spells = new Map<string, Spell[]>();
  for (const event of events) {
    const scheduled = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (scheduled) types.set(String(event.eventId), scheduled);
    const started = event.activityTaskStartedEventAttributes;
    if (started) starts.set(String(started.scheduledEventId), timeMs(event));
    const done = event.activityTaskCompletedEventAttributes;
    if (!done) continue;
    const type = types.get(String(done.scheduledEventId)) ?? '';
    const spell = { startMs: starts.get(String(done.scheduledEventId)) ?? 0, endMs: timeMs(event) };
    spells.set(type, [...(spells.get(type) ?? []), spell]);
  }
  const [first, last] = [events[0], events.at(-1)];
  const whole = first === undefined || last === undefined ? Number.NaN : timeMs(last) - timeMs(first);
  return phases((type) => spells.get(type) ?? [], { wholeMs: whole, slots });
}

function phases(
  spellsOf: (type: string) => readonly Spell[],
  { wholeMs, slots }: { readonly wholeMs: number; readonly slots: number },
): RunPhases {
  const start = (type: string) => Math.min(...spellsOf(type).map(({ startMs }) => startMs));
  const end = (type: string) => Math.max(...spellsOf(type).map(({ endMs }) => endMs));
  const length = (type: string) => (end(type) - start(type)) / 1000;
  const busyMs = spellsOf('encodeShards').reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  return {
    planning: length('planShards'),
    encoding: length('encodeShards'),
    aggregating: (end('aggregateRegions') - end('encodeShards')) / 1000,
    committing: length('commitSweep'),
    workflow: wholeMs / 1000,
    idleSlots: 1 - busyMs / 1000 / (slots * length('encodeShards')),
  };
}

/** Kinds of processes that serve runs. */
export type Server = 'worker' | 'temporal' | 'kafka';

/** Processor seconds that the servers of a home have used so far; null where there is no /proc. */
export function serverCpuSeconds(folder: string): Record<Server, number> | null {
  const seconds = { worker: 0, temporal: 0, kafka: 0 };
  for (const { pid, command } of processesOf(folder)) {
    const used = cpuSecondsOf(pid);
    if (used === null) return null;
    if (command.includes('worker.mjs')) seconds.worker += used;
    else if (command.includes('start-dev')) seconds.temporal += used;
    else if (command.includes('java')) seconds.kafka += used;
  }
  return seconds;
}
