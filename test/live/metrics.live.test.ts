// What a worker tells of its work: metrics that Prometheus scrapes and the dashboard asks for, log lines, and spans for OpenTelemetry.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimPorts, type ClaimedPorts } from '../../infra/local/ports.ts';
import { type LiveHome, makeHome, REPOSITORY } from './live-home.ts';
import { processesOf } from './process-table.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { type CollectedSpan, startCollector, type TraceCollector } from './trace-collector.ts';

const ROWS = 3000;
const SHARDS = 3;
const CHAINS = `
kind: metflow
run: chains
target: { name: banana }
kernels: [{ type: rwm }]
sample: { chains: 2, groups: 2, warmup: 10, draws: 40, checkpointEvery: 20 }
`;
const DASHBOARD = join(REPOSITORY, 'infra/observability/grafana-dashboard.json');

let home: LiveHome;
/** The port where the worker is scraped: nobody else of these tests takes it. */
let claimed: ClaimedPorts;
let port: number;
let collector: TraceCollector;
/** Before any run. */
let early: string;
let worker: number;

beforeAll(async () => {
  home = makeHome('metrics');
  claimed = await claimPorts([[]]);
  port = claimed.ports[0]!;
  collector = await startCollector();
  const observed = { TESSERA_METRICS: `127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
  const up = await home.tessera(['up', '--processes', '1'], observed);
  expect(up.code, up.stderr).toBe(0);
  early = await scraped();
  worker = processesOf(home.folder).find(({ command }) => command.includes('worker.mjs'))!.pid;
  const sweep = { 'dataset.rows': [0, ROWS], 'dataset.shardRows': ROWS / SHARDS };
  const run = await home.tessera(sweepArgs({ ...sweep, run: 'digits' }));
  expect(run.code, run.stderr).toBe(0);
  const files = { chains: join(home.folder, 'chains.yaml'), model: join(home.folder, 'damaged.onnx') };
  writeFileSync(files.chains, CHAINS);
  writeFileSync(files.model, 'no model');
  const [chains, damaged] = await Promise.all([
    home.tessera(['run', files.chains, '--out', home.runs]),
    home.tessera(sweepArgs({ 'model.file': files.model, run: 'damaged' })),
  ]);
  expect(chains.code, chains.stderr).toBe(0);
  expect(damaged.code, damaged.stderr).toBe(3);
});

afterAll(async () => {
  await home.close();
  collector.close();
  await claimed[Symbol.asyncDispose]();
});

function sweepArgs(sets: Readonly<Record<string, unknown>>): string[] {
  const config = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
  return ['run', config, '--out', home.runs, '--json', ...setOptions(sets)];
}

async function scraped(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** What this test looks at of a line of a worker's log. */
interface LogLine {
  readonly pid: number;
  readonly level: number;
  readonly msg: string;
  readonly runId?: string;
  readonly shard?: number;
  readonly toShard?: number;
  readonly partition?: number;
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
  // One series each, which stood at 0 before: a rate misses the first step of a new one.
  for (const name of ['samples_encoded', 'messages_aggregated', 'sweeps_sampled'])
    expect(labelsOf(text, `tessera_${name}_total`)).toEqual([[]]);
});

/** Names of the labels of each series of a metric. */
function labelsOf(text: string, metric: string): string[][] {
  const series = [...text.matchAll(new RegExp(`^${metric}(?:\\{(.*)\\})? \\S+$`, 'gm'))];
  return series.map(([, labels = '']) => [...labels.matchAll(/(\w+)="/g)].map(([, name]) => name!));
}

/** What Prometheus adds to every series. */
const SCRAPED_LABELS = ['instance', 'job'];

test('the dashboard asks only for metrics and labels that a worker serves after a sweep, chains and a failure', async () => {
  const text = await scraped();
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: { targets: { expr: string; legendFormat: string }[] }[];
  };
  const targets = panels.flatMap((panel) => panel.targets);
  expect(targets.length).toBeGreaterThanOrEqual(8);
  for (const { expr, legendFormat } of targets) {
    const [metric, ...others] = expr.match(/\b(tessera|temporal)_\w+/g) ?? [];
    expect([expr, others]).toEqual([expr, []]);
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names]) => names!.split(/,\s*/));
    const filtered = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name]) => name!);
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name!);
    expect(grouped).toEqual(expect.arrayContaining(shown));
    const series = labelsOf(text, metric!).map((names) => [...names, ...SCRAPED_LABELS]);
    expect([expr, series.length > 0]).toEqual([expr, true]);
    for (const names of series) expect(names).toEqual(expect.arrayContaining([...grouped, ...filtered]));
  }
});

test('log lines are JSON and name run and shards; tessera logs shows those of one run', async () => {
  const folder = join(home.env['TESSERA_HOME']!, 'logs');
  const written = readFileSync(join(folder, `worker-${worker}.log`), 'utf8')
    .trimEnd()
    .split('\n');
  const lines = written.map((line) => JSON.parse(line) as LogLine);
  expect(new Set(lines.map(({ pid }) => pid))).toEqual(new Set([worker]));
  expect(new Set(lines.map(({ runId }) => runId))).toEqual(
    new Set([undefined, 'digits', 'damaged', 'chains']),
  );
  const asked = await home.tessera(['logs', 'digits', '--out', home.runs, '--json']);
  const shown = asked.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
  expect(shown).toEqual(lines.filter(({ runId }) => runId === 'digits'));
  for (const word of ['starts', 'ends']) {
    const encoded = shown.filter(({ msg }) => msg === `encode ${word}`);
    const shards = encoded.flatMap(({ shard, toShard }) =>
      Array.from({ length: toShard! - shard! }, (_, i) => shard! + i),
    );
    expect(shards.toSorted()).toEqual(Array.from({ length: SHARDS }, (_, i) => i));
    const partitions = shown
      .filter(({ msg }) => msg === `aggregate ${word}`)
      .map(({ partition }) => partition);
    expect(partitions.toSorted()).toEqual([0, 1, 2, 3]);
  }
  const failed = lines.filter(({ msg }) => msg.startsWith('plan failed'));
  expect(failed).toMatchObject([
    { runId: 'damaged', level: 40, msg: expect.stringContaining('damaged.onnx') },
  ]);
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
  // Of the damaged one too.
  await expect.poll(() => named('RunWorkflow:corpusSweep').length, { timeout: 10_000 }).toBe(2);
  const shards = named('encode shard');
  expect(shards.map(({ attributes }) => attributes['tessera.shard']).sort()).toEqual([0, 1, 2]);
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
