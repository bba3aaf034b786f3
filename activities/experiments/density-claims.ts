// What experiment E3 concludes: ratios of densities between and within classes, each against its null and its controls.

import { DENSITIES_TABLE } from '#schemas/columns/lens/densities.ts';
import { drawnUnits, type Estimate } from '../numeric/bootstrap.ts';
import { bootstrapPairs, type PairEstimates, type PairSample } from '../numeric/pair-bootstrap.ts';
import { percentileInterval } from '../numeric/quantiles.ts';
import { type Claim, type Evidence, judgeFamily } from '../polytope/claim.ts';
import { againstControls } from './control-contrast.ts';
import type { DensityConfig, DensityDesign, DensitySpan } from './density-design.ts';
import {
  DENSITY_MEASURES,
  type DensityMeasure,
  PATH_COLUMNS,
  SpanSamples,
  spanName,
} from './density-samples.ts';
import { evidenceOf } from './evidence.ts';
import type { Conclusion, ConcludeContext, ReadTable } from './experiment.ts';
import { type ModelVariant, variantName } from './network.ts';
import { RowCollector } from './row-collector.ts';

type Context = ConcludeContext<DensityConfig, DensityDesign>;

const INTERVAL = 0.99;

const CLAIMS: Readonly<Record<DensityMeasure, string>> = {
  rho_h: 'boundaries are denser between classes than within',
  rho_x: 'crossings are denser between classes than within',
  rho_h_matched: 'boundaries are denser between classes than within, at equal distance and norms',
  per_radian: 'boundaries are denser per angle between classes than within',
  above_null: 'codes differ more than angles let expect, between classes more than within',
};
const SHUFFLED_CLAIM = 'boundaries are denser between shuffled labels than within';
/** Measures whose ratio is also held against that of the control models. */
const CONTRASTED: readonly DensityMeasure[] = ['rho_h', 'rho_h_matched'];

/** One measure of one model over one span. */
interface Measured {
  readonly variant: ModelVariant;
  readonly span: string;
  readonly measure: DensityMeasure;
  readonly sample: PairSample;
  readonly estimates: PairEstimates;
}

/** Claims over all spans of a model are one family. */
export async function concludeDensity(context: Context): Promise<Conclusion> {
  const { design, config, variants, signal } = context;
  const samples = samplesOf(await context.read('paths', PATH_COLUMNS), { design, seed: config.seed });
  // Every model and span sees the same resamples, so that their ratios can be compared.
  const resampling = { seed: config.seed };
  const drawn = drawnUnits(design.points.length, resampling);
  const measured: Measured[] = [];
  const shuffled: Evidence[] = [];
  for (const variant of variants) {
    for (const [i, span] of design.spans.entries()) {
      signal.throwIfAborted();
      const own = samples.get(variantName(variant))?.[i];
      if (own === undefined) continue;
      for (const measure of measuresOf(design, span)) {
        const sample = own.sample(measure);
        const estimates = bootstrapPairs(sample, resampling, drawn);
        measured.push({ variant, span: spanName(span), measure, sample, estimates });
      }
      if (variant.kind !== 'trained') continue;
      const sample = own.shuffled();
      const { ratio } = bootstrapPairs(sample, resampling, drawn);
      shuffled.push(
        evidenceFor(SHUFFLED_CLAIM, { model: 'trained', span: spanName(span), estimate: ratio, sample }),
      );
    }
  }
  return {
    claims: [...judgeMeasures(measured), ...judgeFamily(shuffled), ...contrasts(measured, config.seed)],
    rows: [densityRows(measured)],
    notices: noticesOf(measured, context),
  };
}

/** Crossings only where some were solved. */
function measuresOf({ solved, spaces }: DensityDesign, { space }: DensitySpan): readonly DensityMeasure[] {
  const isSolved = solved.length > 0 && spaces.some(({ name, isSolved: own }) => own && name === space);
  return DENSITY_MEASURES.filter((measure) => isSolved || measure !== 'rho_x');
}

/** Per model the pairs of every span. */
function samplesOf(
  table: ReadTable,
  options: { design: DensityDesign; seed: number },
): Map<string, SpanSamples[]> {
  const spans = options.design.spans.length;
  const rows = new Map<string, number[][]>();
  for (let row = 0; row < table.rows; row++) {
    const model = String(table.columns.model![row]);
    const own = rows.get(model) ?? Array.from({ length: spans }, () => []);
    rows.set(model, own);
    own[Number(table.columns.path_id![row]) % spans]!.push(row);
  }
  return new Map(
    Array.from(rows, ([model, own]) => [
      model,
      own.map((some) => new SpanSamples(table, { ...options, rows: some })),
    ]),
  );
}

function judgeMeasures(measured: readonly Measured[]): Claim[] {
  const models = [...new Set(measured.map(({ variant }) => variantName(variant)))];
  return DENSITY_MEASURES.flatMap((measure) =>
    models.flatMap((model) =>
      judgeFamily(
        measured
          .filter((found) => found.measure === measure && variantName(found.variant) === model)
          .map(({ span, sample, estimates }) =>
            evidenceFor(CLAIMS[measure], {
              model,
              span,
              sample,
              estimate: measure === 'above_null' ? estimates.difference : estimates.ratio,
              nullEffect: measure === 'above_null' ? 0 : 1,
            }),
          ),
      ),
    ),
  );
}

/** Is the ratio larger than in the control models? */
function contrasts(measured: readonly Measured[], seed: number): Claim[] {
  return CONTRASTED.flatMap((measure) => {
    const own = measured.filter((found) => found.measure === measure);
    const addition = measure === 'rho_h_matched' ? ', at equal distance and norms' : '';
    return againstControls(
      own.map(({ variant, span, sample, estimates }) => ({
        variant,
        span,
        estimate: estimates.ratio,
        n: pointsIn(sample),
      })),
      {
        seed,
        experiment: 'density',
        nameOf: (nets) => `the ratio of densities is larger than in ${nets}${addition}`,
      },
    );
  });
}

interface Effect {
  readonly model: string;
  readonly span: string;
  readonly estimate: Estimate;
  readonly sample: PairSample;
  /** @default 1 */
  readonly nullEffect?: number;
}

function evidenceFor(claim: string, { model, span, estimate, sample, nullEffect = 1 }: Effect): Evidence {
  const statement = { claim, experiment: 'density', model, span, nullEffect, predicted: 'above' } as const;
  return evidenceOf(statement, estimate, pointsIn(sample));
}

function densityRows(measured: readonly Measured[]) {
  const rows = new RowCollector(DENSITIES_TABLE);
  for (const { variant, span, measure, sample, estimates } of measured) {
    for (const [kind, estimate, group] of [
      ['intra', estimates.meanB, 1],
      ['inter', estimates.meanA, 0],
    ] as const) {
      const interval = percentileInterval(estimate.replicates, INTERVAL);
      const pairs = sample.groups.filter((own) => own === group).length;
      rows.add({
        model: variantName(variant),
        span,
        measure,
        kind,
        mean: pairs === 0 ? null : estimate.value,
        ci_low: interval?.low ?? null,
        ci_high: interval?.high ?? null,
        pairs,
        points: pointsIn(sample, group),
      });
    }
  }
  return rows.take();
}

/** Different ends of the pairs, or of those of one group. */
function pointsIn({ ends, groups }: PairSample, group?: number): number {
  return new Set(ends.filter((_, i) => group === undefined || groups[i >> 1] === group)).size;
}

/** Pairs that have no density, because their points coincide in a space, and pairs without a match. */
function noticesOf(measured: readonly Measured[], { design }: Context): string[] {
  const pairs = design.ends.length / 2;
  return measured.flatMap(({ variant, span, measure, sample }) => {
    const found = sample.values.length;
    if (measure === 'rho_h' && found < pairs)
      return [
        `${variantName(variant)}, ${span}: ${pairs - found} of ${pairs} pairs coincide and have no density`,
      ];
    if (measure === 'rho_h_matched' && variant.kind === 'trained')
      return [`${span}: ${found / 2} of ${design.intra} pairs within classes have a match between classes`];
    return [];
  });
}
