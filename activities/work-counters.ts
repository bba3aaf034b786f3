// Counters of the work that tasks report in their heartbeats, for whoever scrapes the worker's metrics.

import type { MetricCounter, MetricMeter } from '@temporalio/common';
import type {
  AggregateHeartbeat,
  EncodeHeartbeat,
  ImageHeartbeat,
  LensHeartbeat,
  SegmentHeartbeat,
  TrainHeartbeat,
} from '#schemas/messages.ts';

type Report =
  | AggregateHeartbeat
  | EncodeHeartbeat
  | ImageHeartbeat
  | LensHeartbeat
  | SegmentHeartbeat
  | TrainHeartbeat;

interface Work {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** How much the task has done so far. */
  readonly done: (report: never) => number;
}

function work<R extends Report>(
  name: string,
  { unit, description, done }: { unit: string; description: string; done: (report: R) => number },
): Work {
  return { name, unit, description, done };
}

/** By the place that a report comes from. A new kind of report is one entry. */
const COUNTED: Readonly<Record<Report['at'], Work>> = {
  encode: work<EncodeHeartbeat>('tessera_samples_encoded', {
    unit: 'samples',
    description: 'Samples whose codes the broker has acknowledged.',
    done: ({ samples }) => samples,
  }),
  aggregate: work<AggregateHeartbeat>('tessera_messages_aggregated', {
    unit: 'messages',
    description: 'Messages of codes or rows that aggregators and collectors have taken.',
    done: ({ messages }) => messages,
  }),
  lens: work<LensHeartbeat>('tessera_lens_units', {
    unit: 'units',
    description: 'Pairs, points or other units of experiments that are measured.',
    done: ({ units }) => units,
  }),
  train: work<TrainHeartbeat>('tessera_training_steps', {
    unit: 'steps',
    description: 'Steps of training.',
    done: ({ step }) => step,
  }),
  images: work<ImageHeartbeat>('tessera_image_units', {
    unit: 'units',
    description: 'Updates, importance draws and sweeps of runs about images.',
    done: ({ units }) => units,
  }),
  segment: work<SegmentHeartbeat>('tessera_sweeps_sampled', {
    unit: 'sweeps',
    description: 'Sweeps of the kernels over a group of chains.',
    done: ({ drawn }) => drawn,
  }),
};

/** Counters of this process, by name. An activity's own meter would label them, which makes other series that do not begin at 0. */
const counters = new Map<string, MetricCounter>();

/** Opens every counter, at 0 from the start: a scrape before the first work of its kind would miss it, and a rate its first step. */
export function openCounters(meter: MetricMeter): void {
  for (const { name, unit, description } of Object.values(COUNTED)) {
    const counter = meter.createCounter(name, unit, description);
    counter.add(0);
    counters.set(name, counter);
  }
}

/**
 * Adds to the counters, where they are open, what each report has more than the one before.
 * @param before - the last report of an earlier attempt, whose work was counted by then.
 */
export function workCounter(before: unknown): (report: unknown) => void {
  let last = isReport(before) ? before : null;
  return (report) => {
    if (!isReport(report)) return;
    const { name, done } = COUNTED[report.at];
    const earlier = last?.at === report.at ? done(last as never) : startOf(report);
    last = report;
    const more = done(report as never) - earlier;
    if (more > 0) counters.get(name)?.add(more);
  };
}

/** Draws and steps are counted from the start of the run, and a segment begins in the middle: its first report counts nothing. */
function startOf(report: Report): number {
  const goesOn = report.at === 'segment' || report.at === 'train' || report.at === 'images';
  return goesOn ? COUNTED[report.at].done(report as never) : 0;
}

function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'at' in value && (value.at as string) in COUNTED;
}
