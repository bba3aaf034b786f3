// Tables that follow from the plan or from the conclusion: runs and claims.

import { basename } from 'node:path';
import { CLAIMS_TABLE } from '#schemas/columns/lens/claims.ts';
import { LENS_RUNS_TABLE } from '#schemas/columns/lens/runs.ts';
import type { ExperimentName } from '#schemas/lens-config.ts';
import type { Cell, TableRows } from '../../activities/experiments/experiment.ts';
import { variantName } from '../../activities/experiments/network.ts';
import type { Claim } from '../../activities/polytope/claim.ts';
import type { LensPlan } from './lens-plan.ts';

/** A claim as run.json and the claims table have it. */
export type ClaimRecord = Readonly<Record<string, string | number | null>>;

/** A claim's columns. */
export function claimCells(claim: Claim): ClaimRecord {
  return {
    claim: claim.claim,
    experiment: claim.experiment,
    model: claim.model,
    span: claim.span,
    effect: claim.effect,
    ci_low: claim.ciLow,
    ci_high: claim.ciHigh,
    null_effect: claim.nullEffect,
    p_value: claim.pValue,
    verdict: claim.verdict,
    n: claim.n,
  };
}

/** claims.parquet. */
export function claimRows(claims: readonly Claim[]): TableRows {
  return tableOf(CLAIMS_TABLE, claims.map(claimCells));
}

const SPAN_KINDS: Readonly<Record<ExperimentName, string>> = {
  clusters: 'layer, to_output',
  code_directions: 'layer',
  compare: 'layer',
  complexity: 'layer',
  density: 'layer, to_output',
  interpolation: 'to_output',
  paths: 'to_output',
  perturbation: 'to_output',
  scaling: 'to_output',
  slice: 'to_output',
};

/** runs.parquet: one row per model; an experiment that reads finished runs has none. */
export function runRows(plan: LensPlan, codeVersion: string): TableRows {
  const { config, variants, model, data, points } = plan;
  const dataset = 'dataset' in config ? config.dataset : undefined;
  const options = (config as unknown as Record<string, unknown>)[config.experiment];
  const rows = variants.map((variant) => ({
    model: variantName(variant),
    created_at: null,
    experiment: config.experiment,
    model_id: basename(model!.file),
    model_sha256: model!.sha256,
    model_kind: variant.kind,
    init_seed: variant.kind === 'trained' ? null : variant.seed,
    dataset_id: data === null ? null : data.files.map(({ file }) => basename(file)).join(','),
    dataset_sha256: data?.sha256 ?? null,
    n_points: points.length,
    seed: config.seed,
    dtype: 'float32',
    tie_rule: 'z > 0',
    span_kind: SPAN_KINDS[config.experiment],
    granularity: model!.text ? 'token' : 'image',
    preprocess_json: dataset === undefined ? null : JSON.stringify(dataset.transform),
    params_json: JSON.stringify(options),
    code_version: codeVersion,
    backend: model!.backend,
    wall_ms: null,
    exact: model!.exact,
  }));
  return tableOf(LENS_RUNS_TABLE, rows);
}

function tableOf(
  { name, columns }: typeof CLAIMS_TABLE,
  rows: readonly Readonly<Record<string, Cell>>[],
): TableRows {
  const names = columns.map((column) => column.name).filter((column) => column !== 'run_id');
  const cells = names.map((column) => [column, rows.map((row) => row[column] ?? null)] as const);
  return { table: name, rows: rows.length, columns: Object.fromEntries(cells) };
}
