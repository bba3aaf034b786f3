// OpenTelemetry's SDK, in one place; loaded only where traces are asked for.

import { createRequire } from 'node:module';
import { context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { OpenTelemetryPlugin } from '@temporalio/interceptors-opentelemetry';
import { describeFault, faultOf } from '#schemas/errors.ts';
import type { TraceCarrier, Tracing } from './tracing.ts';

const SERVICE = 'tessera-worker';
/** Spans wait so long for others to travel with. */
const DELAY_MS = 1000;

export interface Telemetry {
  readonly tracing: Tracing;
  /** Spans of workflows and activities. */
  readonly plugin: OpenTelemetryPlugin;
}

let opened: Telemetry | null = null;

/** From the first call on spans go to the collector of the environment. Sampling is as OTEL_TRACES_SAMPLER says. */
export function openTelemetry(): Telemetry {
  opened ??= start();
  return opened;
}

function start(): Telemetry {
  const resource = Resource.default().merge(
    new Resource({ 'service.name': process.env.OTEL_SERVICE_NAME ?? SERVICE, 'process.pid': process.pid }),
  );
  const spanProcessor = new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: DELAY_MS });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [spanProcessor] });
  provider.register({ contextManager: new AsyncLocalStorageContextManager().enable() });
  return { tracing: tracingOf(provider), plugin: new OpenTelemetryPlugin({ resource, spanProcessor }) };
}

/** What the workflows' bundle needs for the plugin: it is built before a worker is there. */
export function workflowInterceptors(): string[] {
  const { resolve } = createRequire(import.meta.url);
  return [resolve('@temporalio/interceptors-opentelemetry/lib/workflow-interceptors')];
}

function tracingOf(provider: BasicTracerProvider): Tracing {
  const tracer = trace.getTracer(SERVICE);
  return {
    span: (name, attributes, work) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          return await work();
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: describeFault(faultOf(error)) });
          throw error;
        } finally {
          span.end();
        }
      }),
    carrier() {
      const carrier: TraceCarrier = {};
      propagation.inject(context.active(), carrier);
      return carrier;
    },
    within: (carrier, work) => context.with(propagation.extract(ROOT_CONTEXT, carrier), work),
    // A collector that is away must not fail the work.
    flush: () => provider.forceFlush().catch(() => undefined),
  };
}
