// A worker's metrics: what Prometheus scrapes, and what the dashboard asks for.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LiveHome, makeHome, REPOSITORY } from './live-home.ts';

const ROWS = 3000;
const DASHBOARD = join(REPOSITORY, 'infra/observability/grafana-dashboard.json');

let home: LiveHome;
let port: number;

beforeAll(async () => {
  home = makeHome('metrics');
  port = await freePort();
  const up = await home.tessera(['up', '--processes', '1'], { TESSERA_METRICS: `127.0.0.1:${port}` });
  expect(up.code, up.stderr).toBe(0);
  const config = join(REPOSITORY, 'examples/mnist-mlp/sweep.yaml');
  const rows = `dataset.rows=[0, ${ROWS}]`;
  const run = await home.tessera(['run', config, '--out', home.runs, '--json', '--set', rows]);
  expect(run.code, run.stderr).toBe(0);
});

afterAll(() => home.close());

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

test('every sample and every message of a sweep is counted once', async () => {
  const text = await scraped();
  expect(sumOf(text, 'tessera_samples_encoded_total')).toBe(ROWS);
  expect(sumOf(text, 'tessera_messages_aggregated_total')).toBeGreaterThan(0);
});

test('the dashboard asks only for metrics that exist', async () => {
  const text = await scraped();
  const asked = new Set(readFileSync(DASHBOARD, 'utf8').match(/\b(tessera|temporal)_\w+/g));
  // A worker names these when such work is done first, or when something fails.
  const later = /^tessera_(lens_units|training_steps|sweeps_sampled)|_failed_/;
  const missing = [...asked].filter((metric) => !later.test(metric) && !text.includes(metric));
  expect(missing).toEqual([]);
  expect(asked.size).toBeGreaterThan(5);
});
