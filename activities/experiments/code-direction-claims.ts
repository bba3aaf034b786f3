// What directions of codes say: purer at their ends than directions of activations, neurons and random directions.

import { bootstrap, bootstrapPValue } from '../numeric/bootstrap.ts';
import { percentileInterval } from '../numeric/quantiles.ts';
import { type Evidence, judgeFamily } from '../polytope/claim.ts';
import type { ConcludeContext, Conclusion } from './experiment.ts';
import { groupRows, numberAt } from './grouped-rows.ts';
import { variantName } from './network.ts';

const LEVEL = 0.95;

const CONTRASTS = [
  {
    code: 'code_pca',
    other: 'act_pca',
    words: 'principal components of codes',
    than: 'principal components of activations',
  },
  {
    code: 'code_nmf',
    other: 'act_nmf',
    words: 'Bernoulli NMF components of codes',
    than: 'NMF components of activations',
  },
  { code: 'code_pca', other: 'neuron', words: 'principal components of codes', than: 'single neurons' },
  { code: 'code_nmf', other: 'neuron', words: 'Bernoulli NMF components of codes', than: 'single neurons' },
  {
    code: 'code_pca',
    other: 'random_direction',
    words: 'principal components of codes',
    than: 'random directions of activations',
  },
] as const;

type Context = Pick<
  ConcludeContext<{ readonly seed: number }, { readonly classes: number | null }>,
  'config' | 'design' | 'variants' | 'read'
>;

/** Families are one claim of one model over its layers. Components are the units: those of a layer share its points. */
export async function concludeCodeDirections({
  config,
  design,
  variants,
  read,
}: Context): Promise<Conclusion> {
  if (design.classes === null) return { claims: [], rows: [], notices: [] };
  const table = await read('code_directions', ['model', 'span', 'method', 'component', 'entropy_bits']);
  const means = new Map<string, number[]>();
  const spans = [...new Set(Array.from(table.columns.span!, String))];
  for (const { key, rows } of groupRows(table, ['model', 'span', 'method', 'component'])) {
    const entropies = rows.flatMap((row) => numberAt(table.columns.entropy_bits!, row) ?? []);
    if (entropies.length === 0) continue;
    const group = JSON.stringify(key.slice(0, 3));
    const mean = entropies.reduce((sum, one) => sum + one, 0) / entropies.length;
    means.set(group, [...(means.get(group) ?? []), mean]);
  }
  const claims = variants.flatMap((variant) =>
    CONTRASTS.flatMap(({ code, other, words, than }) => {
      const model = variantName(variant);
      const of = (span: string, method: string) => means.get(JSON.stringify([model, span, method])) ?? [];
      return judgeFamily(
        spans.map((span) => ({
          claim: `points at the ends of ${words} are purer than at those of ${than}`,
          model,
          span,
          ...difference(of(span, other), of(span, code), config.seed),
        })),
      );
    }),
  );
  return { claims, rows: [], notices: [] };
}

/** Mean entropy of others less that of codes, in bits; components are resampled on both sides. */
function difference(
  others: readonly number[],
  codes: readonly number[],
  seed: number,
): Omit<Evidence, 'claim' | 'model' | 'span'> {
  const n = Math.min(others.length, codes.length);
  const common = { experiment: 'code_directions', nullEffect: 0, predicted: 'above', n } as const;
  if (n === 0) return { ...common, effect: null, interval: null, pValue: null };
  const { value, replicates } = bootstrap(
    others.length + codes.length,
    (drawn) => weightedMean(others, drawn, 0) - weightedMean(codes, drawn, others.length),
    { seed },
  );
  const interval = percentileInterval(replicates, LEVEL);
  return { ...common, effect: value, interval, pValue: bootstrapPValue(replicates, 0) };
}

/** NaN where none of the values was drawn. */
function weightedMean(values: readonly number[], drawn: Int32Array, from: number): number {
  let [sum, count] = [0, 0];
  values.forEach((value, i) => {
    sum += drawn[from + i]! * value;
    count += drawn[from + i]!;
  });
  return sum / count;
}
