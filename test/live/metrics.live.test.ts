// What a worker tells of its work: metrics that Prometheus scrapes and the dashboard asks for, and spans for OpenTelemetry.

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LiveHome, makeHome, REPOSITORY } from './live-home.ts';
import { type CollectedSpan, startCollector, type TraceCollector } from './trace-collector.ts';

const ROWS = 3000;
const CHAINS = `
kind: metflow
run: chains
target: { name: banana }
kernels: [{ type: rwm }]
sample: { chains: 2, groups: 2, warmup: 10, draws: 40, checkpointEvery: 20 }
`;
const DASHBOARD = join(REPOSITORY, 'infra/observability/grafana-dashboard.json');

let home: LiveHome;
let port: number;
let collector: TraceCollector;
/** Before any run. */
let early: string;

beforeAll(async () => {
  home = makeHome('metrics');
  port = await freePort();
  collector = await startCollector();
  const observed = { TESSERA_METRICS: `127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const up = await home.tessera(['up', '--processes', '1'], observed);
  expect(up.code, up.stderr).toBe(0);
  early = await scraped();
  const config = join(REPOSITORY, 'examples/mnist-mlp/sweep.yaml');
  const rows = `dataset.rows=[0, ${ROWS}]`;
  const run = await home.tessera([
    'run',
    config,
    '--out',
    home.runs,
    '--json',
    '--set',
    rows,
    '--set',
    'run=digits',
  ]);
  expect(run.code, run.stderr).toBe(0);
  writeFileSync(join(home.folder, 'chains.yaml'), CHAINS);
  const chains = await home.tessera(['run', join(home.folder, 'chains.yaml'), '--out', home.runs]);
  expect(chains.code, chains.stderr).toBe(0);
});

afterAll(async () => {
  await home.close();
  collector.close();
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => resolve(free));
    });
  });
}

async function scraped(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** Sum of a metric over its labels. */
function sumOf(text: string, metric: string): number {
  const values = text.matchAll(new RegExp(`^${metric}(?:\\{.*\\})? (\\S+)$`, 'gm'));
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}

test('counters stand at 0 before any run', () => {
  const counters = [
    'samples_encoded',
    'messages_aggregated',
    'lens_units',
    'training_steps',
    'sweeps_sampled',
  ];
  for (const name of counters) expect(early).toMatch(new RegExp(`^tessera_${name}_total(\\{.*\\})? 0$`, 'm'));
});

test('every sample and every message of a sweep is counted once', async () => {
  const text = await scraped();
  expect(sumOf(text, 'tessera_samples_encoded_total')).toBe(ROWS);
  expect(sumOf(text, 'tessera_messages_aggregated_total')).toBeGreaterThan(0);
});

test('the dashboard asks only for metrics that exist', async () => {
  const text = await scraped();
  const asked = new Set(readFileSync(DASHBOARD, 'utf8').match(/\b(tessera|temporal)_\w+/g));
  // A worker names these when something fails.
  const missing = [...asked].filter((metric) => !metric.includes('_failed_') && !text.includes(metric));
  expect(missing).toEqual([]);
  expect(asked.size).toBeGreaterThan(5);
});

/** Names of the spans above one, from its parent up; fails where one of them never came. */
function above(span: CollectedSpan): string[] {
  const names: string[] = [];
  for (let at = span; at.parentSpanId !== ''; ) {
    const parent = collector.spans.find(({ spanId }) => spanId === at.parentSpanId);
    if (parent === undefined) throw new Error(`${at.name} has a parent that was not sent`);
    expect(parent.traceId).toBe(span.traceId);
    names.push(parent.name);
    at = parent;
  }
  return names;
}

const named = (name: string) => collector.spans.filter((span) => span.name === name);

test('spans of a sweep lie below its workflow and name run, shard and partition', async () => {
  // Workers send what ended within a second.
  await expect.poll(() => named('RunWorkflow:corpusSweep').length, { timeout: 10_000 }).toBe(1);
  const shards = named('encode shard');
  expect(shards.map(({ attributes }) => attributes['tessera.shard']).sort()).toEqual([0]);
  for (const span of [...shards, ...named('produce')]) {
    expect(span.attributes['tessera.run']).toBe('digits');
    const [...names] = above(span);
    expect(names).toContain('encode');
    expect(names).toContain('RunActivity:encodeShards');
    expect(names.at(-1)).toBe('RunWorkflow:corpusSweep');
  }
  const partitions = named('aggregate').map(({ attributes }) => attributes['tessera.partition']);
  expect(new Set(partitions)).toEqual(new Set([0, 1, 2, 3]));
  expect(named('commit').length).toBe(1);
});

test('segments of chains are spans below their group and name it', async () => {
  await expect.poll(() => named('RunWorkflow:metflowExperiment').length, { timeout: 10_000 }).toBe(1);
  const segments = named('chainSegment');
  // Two groups of 10 warm-up steps and 40 draws, in segments of at most 20.
  expect(segments.length).toBeGreaterThanOrEqual(4);
  for (const span of segments) {
    expect(span.attributes).toMatchObject({ 'tessera.run': 'chains', 'tessera.group': expect.any(Number) });
    const names = above(span);
    expect(names).toContain('RunActivity:runChainSegment');
    expect(names).toContain('RunWorkflow:metflowChains');
    expect(names.at(-1)).toBe('RunWorkflow:metflowExperiment');
  }
});
