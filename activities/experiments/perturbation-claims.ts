// What perturbations say: adversarial against random directions in each model, and trained against untrained.

import { type Evidence, judgeFamily } from '../polytope/claim.ts';
import { meanEvidence, type Statement } from './evidence.ts';
import type { ConcludeContext, Conclusion, ReadTable } from './experiment.ts';
import { groupRows, numberAt } from './grouped-rows.ts';

/** Values of one column: by model, direction and sample. */
type Values = ReadonlyMap<string, ReadonlyMap<number, number | null>>;

const COMPARED = [
  ['pgd', 'gaussian'],
  ['gradient', 'gaussian'],
  ['other_image', 'gaussian'],
  ['pgd', 'other_image'],
] as const;
const UNTRAINED = /^random_init/;

/** Claims; a family is one claim over the compared directions of one model. */
export async function concludePerturbation(
  context: Pick<ConcludeContext<{ readonly seed: number }, unknown>, 'config' | 'read'>,
): Promise<Conclusion> {
  const { seed } = context.config;
  const table = await context.read('perturbations', [
    'model',
    'point_id',
    'direction',
    'crossings_per_length',
    'first_crossing',
  ]);
  const models = [...new Set(Array.from(table.columns.model!, String))];
  const density = valuesOf(table, 'crossings_per_length');
  const nearest = valuesOf(table, 'first_crossing');
  const families = [
    ...models.map((model) => densities(density, model, seed)),
    ...models.map((model) => distances(nearest, model, seed)),
    againstUntrained(density, models, seed),
  ];
  return { claims: families.flatMap((family) => judgeFamily(family)), rows: [], notices: [] };
}

function valuesOf(table: ReadTable, name: string): Values {
  const values = new Map<string, Map<number, number | null>>();
  for (const { key, rows } of groupRows(table, ['model', 'direction'])) {
    const points = rows.map(
      (row) => [numberAt(table.columns.point_id!, row)!, numberAt(table.columns[name]!, row)] as const,
    );
    values.set(key.join(' '), new Map(points));
  }
  return values;
}

/** Per sample the logarithm of the ratio of two directions; null where one has no value or is 0. */
function logRatios(
  values: Values,
  model: string,
  [first, second]: readonly [string, string],
): Map<number, number | null> {
  const below = values.get(`${model} ${second}`) ?? new Map<number, number | null>();
  return new Map(
    Array.from(values.get(`${model} ${first}`) ?? [], ([point, above]) => {
      const ratio = above === null ? null : above / (below.get(point) ?? Number.NaN);
      return [point, ratio !== null && ratio > 0 && Number.isFinite(ratio) ? Math.log(ratio) : null];
    }),
  );
}

function densities(values: Values, model: string, seed: number): Evidence[] {
  return COMPARED.map((pair) =>
    meanEvidence(
      statement(
        'more boundaries lie in this direction than in the other one (log ratio)',
        model,
        pair,
        'above',
      ),
      [...logRatios(values, model, pair).values()],
      seed,
    ),
  );
}

function distances(values: Values, model: string, seed: number): Evidence[] {
  return COMPARED.map((pair) =>
    meanEvidence(
      statement(
        'the first boundary is nearer in this direction than in the other one (log ratio)',
        model,
        pair,
        'below',
      ),
      [...logRatios(values, model, pair).values()],
      seed,
    ),
  );
}

/** The log ratio in the trained net less its mean over the untrained copies, sample by sample. */
function againstUntrained(values: Values, models: readonly string[], seed: number): Evidence[] {
  const untrained = models.filter((model) => UNTRAINED.test(model));
  if (untrained.length === 0) return [];
  return COMPARED.map((pair) => {
    const copies = untrained.map((model) => logRatios(values, model, pair));
    const differences = Array.from(logRatios(values, 'trained', pair), ([point, ratio]) => {
      const known = copies.map((copy) => copy.get(point) ?? null).filter((value) => value !== null);
      if (ratio === null || known.length === 0) return null;
      return ratio - known.reduce((sum, value) => sum + value, 0) / known.length;
    });
    const claim =
      'boundaries concentrate in this direction more than in untrained copies (difference of log ratios)';
    return meanEvidence(statement(claim, 'trained', pair, 'above'), differences, seed);
  });
}

function statement(
  claim: string,
  model: string,
  [first, second]: readonly [string, string],
  predicted: Statement['predicted'],
): Statement {
  return { claim, experiment: 'perturbation', model, span: `${first} / ${second}`, nullEffect: 0, predicted };
}
