// Two finished runs of the same data: trained against control, or checkpoint against checkpoint.

import {
  DENSITY_CHANGES_TABLE,
  REGION_CHANGES_TABLE,
  SPAN_CHANGES_TABLE,
} from '#schemas/columns/lens/compare.ts';
import { type Evidence, judgeFamily } from '../polytope/claim.ts';
import { compareDensities } from './compare-densities.ts';
import { type CompareConfig, differ, type ReadSide } from './compared-runs.ts';
import { compareSweeps } from './compare-sweeps.ts';
import type { ConcludeContext, Experiment, MeasureContext, ReadTable } from './experiment.ts';
import { numberAt } from './grouped-rows.ts';

export const compare: Experiment<CompareConfig, null> = {
  name: 'compare',
  tables: [SPAN_CHANGES_TABLE, REGION_CHANGES_TABLE, DENSITY_CHANGES_TABLE],
  async plan() {
    const tasks = [{ variant: { kind: 'trained', seed: 0 } as const, from: 0, to: 1 }];
    return { unit: 'comparisons', tasks, design: null, points: [], notices: [] };
  },
  async *measure(_, context) {
    const read: ReadSide = (side, table, columns) =>
      context.readRun(context.config.runs[side], table, columns);
    const kind = await comparedKind(read, context);
    const chunks = kind === 'sweep' ? compareSweeps(read, context) : compareDensities(read, context);
    for await (const rows of chunks) yield { units: 0, rows };
    yield { units: 1, rows: [] };
  },
  conclude,
};

/**
 * Checks that both runs looked at the same data in the same way.
 * @throws PipelineError `config-invalid` where they did not.
 */
async function comparedKind(
  read: ReadSide,
  { config }: Pick<MeasureContext<CompareConfig, null>, 'config'>,
): Promise<'sweep' | 'paths'> {
  const columns = ['experiment', 'dataset_sha256', 'preprocess_json', 'granularity'] as const;
  const [a, b] = [await read(0, 'runs', columns), await read(1, 'runs', columns)];
  for (const column of columns) {
    const [first, second] = [a, b].map((table) => String(table.columns[column]![0]));
    if (first === second) continue;
    const what = {
      experiment: 'the two runs are of different kinds',
      dataset_sha256: 'the two runs are of different data',
      preprocess_json: 'the two runs transform their data differently',
      granularity: 'the two runs have codes of different granularity',
    }[column];
    throw differ(what, config.runs, `${first} and ${second}`);
  }
  return String(a.columns.experiment![0]) === 'sweep' ? 'sweep' : 'paths';
}

/** Claims from the rows that were measured; what was not compared has no rows. */
async function conclude({ read }: Pick<ConcludeContext<CompareConfig, null>, 'read'>) {
  const spans = await read('span_changes', [
    'span',
    'agreement_change',
    'agreement_ci_low',
    'agreement_ci_high',
    'agreement_p',
    'agreement_n',
  ]);
  const densities = await read('density_changes', [
    'model',
    'layer_id',
    'log_ratio',
    'log_ratio_ci_low',
    'log_ratio_ci_high',
    'log_ratio_p',
    'log_ratio_n',
  ]);
  const ofSpans = Array.from({ length: spans.rows }, (_, row) =>
    evidenceIn(spans, row, {
      claim: 'points share their class with their region more in the second run than in the first',
      model: 'second - first',
      span: String(spans.columns.span![row]),
      prefix: 'agreement',
      effect: 'agreement_change',
    }),
  );
  const ofDensities = Array.from({ length: densities.rows }, (_, row) =>
    evidenceIn(densities, row, {
      claim: 'boundaries are denser in the second run than in the first (log ratio)',
      model: String(densities.columns.model![row]),
      span: `layer ${densities.columns.layer_id![row]}`,
      prefix: 'log_ratio',
      effect: 'log_ratio',
    }),
  );
  return { claims: [...judgeFamily(ofSpans), ...judgeFamily(ofDensities)], rows: [], notices: [] };
}

function evidenceIn(
  { columns }: ReadTable,
  row: number,
  {
    claim,
    model,
    span,
    prefix,
    effect,
  }: { claim: string; model: string; span: string; prefix: string; effect: string },
): Evidence {
  const cell = (name: string) => numberAt(columns[name]!, row);
  const [low, high] = [cell(`${prefix}_ci_low`), cell(`${prefix}_ci_high`)];
  return {
    claim,
    experiment: 'compare',
    model,
    span,
    effect: cell(effect),
    interval: low === null || high === null ? null : { low, high },
    nullEffect: 0,
    pValue: cell(`${prefix}_p`),
    predicted: 'above',
    n: cell(`${prefix}_n`)!,
  };
}
