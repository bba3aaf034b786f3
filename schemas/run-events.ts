// What `tessera run FILE --json` writes to stdout while it works: one JSON object a line, one line an event.

import { z } from 'zod';

import { RUN_PHASES } from './messages.ts';

/** Grows when an event or a key changes its meaning or goes away; new keys and new events may come without. */
export const EVENTS_VERSION = 1;

const count = z.int().min(0);
const stage = z.enum(RUN_PHASES).describe('what the run is at; each kind of run has some of them');
const share = z.number().min(0).max(100);

const common = {
  version: z.literal(EVENTS_VERSION).describe('version of these events'),
  time: z.iso.datetime().describe('when it was seen, UTC'),
};
const ofRun = { ...common, run: z.string().describe('run id') };

const outcome = {
  output: z.string().describe('absolute folder of the run'),
  rows: z.record(z.string(), count).describe('rows of each table'),
  seconds: z
    .number()
    .min(0)
    .describe('wall-clock seconds of the run, or of this command where it did not end'),
  restarts: count.describe('attempts beyond the first of any task'),
  exitCode: count.describe('exit code of the command'),
};

const fault = z
  .object({
    kind: z.string().describe('stable name of the fault'),
    what: z.string().describe('what is wrong'),
    where: z.string().optional().describe('file, row, config key, tensor or service'),
    value: z.string().optional().describe('the offending value, shortened'),
    tried: z.array(z.string()).readonly().optional().describe('what was tried, each with why it failed'),
    remedy: z.string().optional().describe('what to do'),
  })
  .describe('why it ended');

/** Every event, told apart by `event`. */
export const runEvent = z.discriminatedUnion('event', [
  z
    .object({
      event: z.literal('started'),
      ...ofRun,
      how: z.enum(['started', 'attached']).describe('attached: it was going on already'),
      kind: z.enum(['sweep', 'lens', 'metflow']).describe('kind of config'),
      output: outcome.output,
      page: z.url().nullable().describe("the run's page at the Temporal server, where that is known"),
    })
    .describe('the run goes on from here; services and workers are up'),
  z
    .object({
      event: z.literal('stage'),
      ...ofRun,
      stage,
      paused: z.boolean().describe('held by tessera pause'),
    })
    .describe('another stage, or paused or resumed'),
  z
    .object({
      event: z.literal('progress'),
      ...ofRun,
      stage,
      unit: z.string().describe('what is counted, in the plural: rows, pairs, updates, draws, …'),
      done: count.describe('so many of them are done'),
      total: count.describe('of so many'),
      percent: share.describe('done of total'),
      perSecond: z.number().min(0).nullable().describe('units a second over the last 15 s'),
      secondsLeft: z.number().min(0).nullable().describe('to the end of this stage at that speed'),
      tasks: z
        .object({
          total: count.describe('of the plan'),
          done: count.describe('finished'),
          underWay: count.describe('begun by a worker'),
        })
        .nullable()
        .describe('tasks of a sweep (shards, or groups of them) or of an experiment'),
      restarts: outcome.restarts,
      elbo: z.number().nullable().describe('training: the bound of the last batch, nats'),
      rHat: z.number().nullable().describe('sampling: worst split R-hat at the last look'),
      essBulk: z.number().nullable().describe('sampling: least bulk effective size at the last look'),
    })
    .describe('at most one every 2 s, and only where something moved'),
  z
    .object({
      event: z.literal('restart'),
      ...ofRun,
      of: z.enum(['task', 'worker', 'service']).describe('what was started again'),
      reason: z.string().describe('what died or failed, for people'),
      restarts: outcome.restarts,
    })
    .describe('something was started again; nothing is lost'),
  z
    .object({ event: z.literal('notice'), ...ofRun, text: z.string().describe('for people') })
    .describe(
      'something to know about the run, each once; and when no worker takes its work, and when one does again',
    ),
  z
    .object({
      event: z.literal('finished'),
      ...ofRun,
      status: z.enum(['done', 'running']).describe('running: it goes on in the background'),
      ...outcome,
    })
    .describe('last line: done, or with --detach running'),
  z
    .object({
      event: z.literal('error'),
      ...common,
      run: ofRun.run.optional(),
      status: z
        .enum(['failed', 'cancelled', 'interrupted'])
        .describe('interrupted: the same command goes on'),
      ...z.object(outcome).partial().shape,
      exitCode: outcome.exitCode,
      fault,
    })
    .describe('last line where the run did not end well; without a run where the command or config is wrong'),
]);

export type RunEvent = z.infer<typeof runEvent>;
type Bare<E> = E extends unknown ? Omit<E, 'version' | 'time'> : never;
/** An event before it gets its version and time. */
export type BareRunEvent = Bare<RunEvent>;
