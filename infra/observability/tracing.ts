// Spans of what workers do, for OpenTelemetry. Nothing of it is loaded unless the environment names a collector, by the
// variables that every such program knows: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.

import { basename } from 'node:path';
import { workPlace } from '../../activities/work-place.ts';
import type { Variables } from '../local/temporal-profile.ts';

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** Where a span goes on in another thread: W3C trace context. */
export type TraceCarrier = Readonly<Record<string, string>>;

export interface Tracing {
  /** Does work inside a span, below the one under way. */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** The span under way. */
  carrier(): TraceCarrier;
  /** Does work below a span of another thread. */
  within<T>(carrier: TraceCarrier, work: () => Promise<T>): Promise<T>;
  /** Resolves when the collector has what ended so far, or is known not to answer. */
  flush(): Promise<void>;
}

const OFF: Tracing = {
  span: (_name, _attributes, work) => work(),
  carrier: () => ({}),
  within: (_carrier, work) => work(),
  flush: async () => undefined,
};

let opening: Promise<Tracing> | null = null;
let current: Tracing = OFF;

/** Whether the environment names a collector. */
export function isTraced(variables: Variables = process.env): boolean {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: traces } = variables;
  return (all ?? '') !== '' || (traces ?? '') !== '';
}

/** Opens the tracing of this thread, once. */
export function openTracing(): Promise<Tracing> {
  opening ??= isTraced()
    ? import('./open-telemetry.ts').then(({ openTelemetry }) => {
        current = openTelemetry().tracing;
        return current;
      })
    : Promise.resolve(OFF);
  return opening;
}

/** The tracing that was opened; spans of nothing where none was. */
export function tracing(): Tracing {
  return current;
}

/** Which run, and which part of its work, an input of a thread's task is about. */
export function workAttributes(input: object): SpanAttributes {
  const { runDir } = input as { runDir?: string };
  const run = runDir === undefined ? {} : { 'tessera.run': basename(runDir) };
  const place = Object.entries(workPlace(input)).map(([key, value]) => [`tessera.${key}`, value] as const);
  return { ...run, ...Object.fromEntries(place) };
}
