// What local complexity says: data against random points, training against test data, trained against untrained.

import { bootstrap } from '../numeric/bootstrap.ts';
import { type Evidence, judgeFamily } from '../polytope/claim.ts';
import { evidenceOf, meanEvidence, type Statement } from './evidence.ts';
import type { ConcludeContext, Conclusion, ReadTable } from './experiment.ts';
import { groupRows, numberAt } from './grouped-rows.ts';

/** Share of crossing units of one point, averaged over the taps: wide taps count no more than narrow ones. */
interface PointShare {
  readonly model: string;
  readonly radius: number;
  readonly split: string;
  readonly point: number;
  readonly share: number;
}

/** Claims of each model; a family is one claim over the radii of one model. */
export async function concludeComplexity(
  context: Pick<ConcludeContext<{ readonly seed: number }, unknown>, 'config' | 'read'>,
): Promise<Conclusion> {
  const { seed } = context.config;
  const shares = sharesOf(
    await context.read('local_complexity', ['model', 'point_id', 'radius', 'fraction', 'split']),
  );
  const models = [...new Set(shares.map(({ model }) => model))];
  const radii = [...new Set(shares.map(({ radius }) => radius))].sort((a, b) => a - b);
  const families = [
    ...models.flatMap((model) => {
      const own = shares.filter((share) => share.model === model);
      return [
        radii.map((radius) => apart(own, ['data', 'random'], { model, radius, seed })),
        radii.map((radius) => apart(own, ['train', 'test'], { model, radius, seed })),
      ];
    }),
    radii.map((radius) => againstUntrained(shares, radius, seed)),
  ];
  const judged = families.map((family) => family.filter((evidence) => evidence !== null));
  return { claims: judged.flatMap((family) => judgeFamily(family)), rows: [], notices: [] };
}

function sharesOf(table: ReadTable): PointShare[] {
  const { fraction } = table.columns;
  return groupRows(table, ['model', 'radius', 'split', 'point_id']).map(({ key, rows }) => ({
    model: key[0]!,
    radius: Math.fround(Number(key[1])),
    split: key[2]!,
    point: Number(key[3]),
    share: rows.reduce((sum, row) => sum + numberAt(fraction!, row)!, 0) / rows.length,
  }));
}

const SPLITS = { data: ['train', 'test'], train: ['train'], test: ['test'], random: ['random'] } as const;
const WORDS = {
  data: 'boundaries are sparser around data than around random points',
  train: 'boundaries are sparser around training than around test data',
} as const;

/** Mean share in one kind of points less that in another; null where one of them was not measured. */
function apart(
  shares: readonly PointShare[],
  [first, second]: readonly ['data', 'random'] | readonly ['train', 'test'],
  { model, radius, seed }: { model: string; radius: number; seed: number },
): Evidence | null {
  const valuesOf = (kind: keyof typeof SPLITS) =>
    shares
      .filter((share) => share.radius === radius && (SPLITS[kind] as readonly string[]).includes(share.split))
      .map(({ share }) => share);
  const groups = [valuesOf(first), valuesOf(second)] as const;
  if (groups.some((values) => values.length === 0)) return null;
  const estimate = bootstrap(
    groups[0].length + groups[1].length,
    (drawn) => weightedMean(groups[0], drawn, 0) - weightedMean(groups[1], drawn, groups[0].length),
    { seed },
  );
  return evidenceOf(
    statement(WORDS[first], { model, radius }),
    estimate,
    groups[0].length + groups[1].length,
  );
}

/** Around the same data, the trained net less the mean of its untrained copies; null without copies. */
function againstUntrained(shares: readonly PointShare[], radius: number, seed: number): Evidence | null {
  const own = shares.filter((share) => share.radius === radius && share.split !== 'random');
  const untrained = new Map<string, { sum: number; copies: number }>();
  const keyOf = ({ split, point }: PointShare) => `${split} ${point}`;
  for (const share of own) {
    if (!share.model.startsWith('random_init')) continue;
    const { sum, copies } = untrained.get(keyOf(share)) ?? { sum: 0, copies: 0 };
    untrained.set(keyOf(share), { sum: sum + share.share, copies: copies + 1 });
  }
  if (untrained.size === 0) return null;
  const differences = own.flatMap((share) => {
    const copies = share.model === 'trained' ? untrained.get(keyOf(share)) : undefined;
    return copies === undefined ? [] : [share.share - copies.sum / copies.copies];
  });
  const claim = 'boundaries around data are sparser in the trained net than in its untrained copies';
  return meanEvidence(statement(claim, { model: 'trained', radius }), differences, seed);
}

function statement(claim: string, { model, radius }: { model: string; radius: number }): Statement {
  const span = `radius ${Number(radius.toPrecision(6))}`;
  return { claim, experiment: 'complexity', model, span, nullEffect: 0, predicted: 'below' };
}

function weightedMean(values: readonly number[], drawn: Int32Array, from: number): number {
  let [sum, count] = [0, 0];
  values.forEach((value, i) => {
    sum += drawn[from + i]! * value;
    count += drawn[from + i]!;
  });
  return sum / count;
}
