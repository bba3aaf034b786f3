// A worker process: polls Temporal's queues and hands the work to threads. Says `{"event":"ready"}` on stdout when it polls.

import { dirname, join } from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { destination, pino, stdSerializers } from 'pino';
import { faultOf, PipelineError, type PipelineFault } from '#schemas/errors.ts';
import { createActivities } from '../activities/index.ts';
import { openCounters } from '../activities/work-counters.ts';
import { TASK_QUEUES, TIMEOUTS } from '../temporal.config.ts';
import { type Env, readEnv, temporalConnectionOptions } from './env.ts';
import { isTraced, openTracing, tracing } from './observability/tracing.ts';
import { dataConverterOf, FAILURE_CONVERTER, isEncrypting } from './payload-codec.ts';
import { makeLocalFolder } from './local-folder.ts';
import { threadHeapMb, watchMemory } from './memory-quota.ts';
import { markEnded } from './run-manifest.ts';
import { threadPool } from './threads/pool.ts';
import { workflowBundle } from './workflow-bundle.ts';

const HAND_BACK_MS = 3_000;
/** Aggregators, plans and commits under way at once in one process; they mostly wait. */
const IO_SLOTS = 32;

type Shared = 'connection' | 'namespace' | 'shutdownGraceTime' | 'dataConverter' | 'plugins';

async function main(): Promise<void> {
  const env = readEnv();
  installRuntime(env);
  const queues = (process.env.TESSERA_QUEUES ?? 'cpu,io').split(',');
  const { payloadKeys } = env.temporal;
  const { plugins, workflowInterceptorModules } = await tracePlugins();
  const bundle = workflowBundle(join(env.home, 'cache'), {
    ...(isEncrypting(payloadKeys) ? { failureConverterPath: FAILURE_CONVERTER } : {}),
    ...(workflowInterceptorModules.length > 0 ? { workflowInterceptorModules } : {}),
  });
  const connection = await connect(env);
  // Beside this program in its bundle: threads run the same version of the code, whatever happens to the sources.
  const tasks = join(dirname(process.argv[1]!), 'tasks.mjs');
  const { encoders, workerBytes } = env;
  const heapMb = workerBytes === null ? undefined : threadHeapMb(workerBytes);
  await using compute = threadPool({ threads: encoders, tasks, heapMb });
  const activities = createActivities({ compute, records: { markEnded } });
  const shared: Pick<WorkerOptions, Shared> = {
    connection,
    plugins,
    dataConverter: dataConverterOf(payloadKeys),
    namespace: env.temporal.namespace,
    shutdownGraceTime: TIMEOUTS.shutdownGraceMs,
  };
  const workers: Promise<Worker>[] = [];
  if (queues.includes('cpu')) {
    workers.push(
      Worker.create({
        ...shared,
        ...beats(TIMEOUTS.encodeBeatMs),
        taskQueue: TASK_QUEUES.cpu,
        activities,
        maxConcurrentActivityTaskExecutions: encoders,
      }),
    );
  }
  if (queues.includes('io')) {
    workers.push(
      Worker.create({
        ...shared,
        ...beats(TIMEOUTS.waitBeatMs),
        taskQueue: TASK_QUEUES.io,
        activities,
        maxConcurrentActivityTaskExecutions: IO_SLOTS,
      }),
      Worker.create({ ...shared, taskQueue: TASK_QUEUES.workflow, workflowBundle: await bundle }),
    );
  }
  const polling = await Promise.all(workers);
  const runs = polling.map((worker) => worker.run());
  process.stdout.write(`${JSON.stringify({ event: 'ready' })}\n`);
  if (workerBytes !== null)
    watchMemory({ limitBytes: workerBytes, onExceeded: (fault) => handBack(polling, fault) });
  await Promise.all(runs);
  await tracing().flush();
  await connection.close();
}

/** What workers need for traces, where those are asked for. */
async function tracePlugins(): Promise<{
  readonly plugins: NonNullable<WorkerOptions['plugins']>;
  readonly workflowInterceptorModules: string[];
}> {
  if (!isTraced()) return { plugins: [], workflowInterceptorModules: [] };
  await openTracing();
  const { openTelemetry, workflowInterceptors } = await import('./observability/open-telemetry.ts');
  return { plugins: [openTelemetry().plugin], workflowInterceptorModules: workflowInterceptors() };
}

/** Ends this process for the one that takes its place: tasks are asked to stop where they are, but not waited for long. */
function handBack(polling: readonly Worker[], fault: PipelineFault): void {
  process.stdout.write(`${JSON.stringify({ event: 'fault', fault })}\n`);
  setTimeout(() => process.exit(1), HAND_BACK_MS).unref();
  for (const worker of polling) worker.shutdown();
}

/** Heartbeats are sent at most so often. */
function beats(everyMs: number) {
  return { maxHeartbeatThrottleInterval: everyMs, defaultHeartbeatThrottleInterval: everyMs };
}

async function connect(env: Env): Promise<NativeConnection> {
  const options = temporalConnectionOptions(env);
  try {
    return await NativeConnection.connect(options);
  } catch (error) {
    throw new PipelineError(
      {
        kind: 'service-unavailable',
        where: `Temporal at ${options.address}`,
        what: error instanceof Error ? error.message : String(error),
        remedy: 'Start it (tessera up) or set TEMPORAL_ADDRESS.',
      },
      { cause: error },
    );
  }
}

/**
 * Logs of this process as JSON lines in the home's log folder, where activity logs carry their workflow's id; and metrics for
 * Prometheus where an address is set.
 */
function installRuntime(env: Env): void {
  const folder = join(env.home, 'logs');
  makeLocalFolder(folder);
  const log = pino(
    { serializers: { error: stdSerializers.err } },
    destination({ dest: join(folder, `worker-${process.pid}.log`), sync: false }),
  );
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  const logger = new DefaultLogger('INFO', ({ level, message, meta }) => {
    log[levels[level]]({ ...meta, runId: runOf(meta) }, message);
  });
  const metrics =
    env.metrics === null
      ? {}
      : { metrics: { prometheus: { bindAddress: env.metrics, countersTotalSuffix: true } } };
  Runtime.install({ logger, telemetryOptions: metrics });
  openCounters(Runtime.instance().metricMeter);
}

/** The run an entry belongs to: `tessera/run/RUN` is its workflow, `tessera/run/RUN/chains-0` a child of it. */
function runOf(meta: Record<string, unknown> | undefined): string | undefined {
  return typeof meta?.workflowId === 'string' ? meta.workflowId.split('/')[2] : undefined;
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stdout.write(`${JSON.stringify({ event: 'fault', fault: faultOf(error) })}\n`);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
