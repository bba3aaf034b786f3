// What scaling and moving vectors say: claims from the rows of the scaling and validity tables.

import { bootstrapSpearmanDifference, spearman } from '../numeric/rank-correlation.ts';
import { type Evidence, judgeFamily } from '../polytope/claim.ts';
import { evidenceOf, meanEvidence, type Statement } from './evidence.ts';
import type { ConcludeContext, Conclusion, ReadTable } from './experiment.ts';
import { groupRows, numberAt, type RowGroup } from './grouped-rows.ts';

const EXPERIMENT = 'scaling';

/** Claims of each model, corrected over its spaces. */
export async function concludeScaling(
  context: Pick<ConcludeContext<{ readonly seed: number }, unknown>, 'config' | 'read'>,
): Promise<Conclusion> {
  const { seed } = context.config;
  const scaled = await context.read('scaling', [
    'model',
    'space',
    'point_id',
    'direction',
    'part',
    'later_layer_id',
    'alpha',
    'theta_rad',
    'crossings',
    'pred_class',
  ]);
  const moved = await context.read('validity', [
    'model',
    'space',
    'point_id',
    'norm',
    't',
    'crossings_at_t',
    'jv_cos_at_t',
    'affine_distance_at_t',
  ]);
  const evidence = [
    ...groupRows(scaled, ['model', 'space', 'part', 'direction'])
      .filter(({ key }) => key[2] === 'scale' && key[3] === 'whole')
      .flatMap((group) => ofScaling(scaled, group, seed)),
    ...groupRows(moved, ['model', 'space']).flatMap((group) => ofMoving(moved, group, seed)),
  ];
  return { claims: judged(evidence), rows: [], notices: [] };
}

/** One family per claim and model. */
function judged(evidence: readonly Evidence[]) {
  const families = new Map<string, Evidence[]>();
  for (const found of evidence) {
    const family = `${found.claim} ${found.model}`;
    families.set(family, [...(families.get(family) ?? []), found]);
  }
  return [...families.values()].flatMap((family) => judgeFamily(family));
}

function ofScaling({ columns }: ReadTable, { key, rows }: RowGroup, seed: number): Evidence[] {
  const about = (claim: string): Statement => ({
    claim,
    experiment: EXPERIMENT,
    model: key[0]!,
    span: key[1]!,
    nullEffect: 0,
    predicted: 'above',
  });
  const lines = new Map<number, number[]>();
  for (const row of rows) {
    const point = numberAt(columns.point_id!, row)!;
    lines.set(point, [...(lines.get(point) ?? []), row]);
  }
  const points = [...lines.values()].map((line) => lineOf(columns, line));
  const changes = points.map(({ classes }) =>
    classes.some((k) => k === null) ? null : Number(new Set(classes).size > 1),
  );
  return [
    meanEvidence(about('scaling a vector changes the class'), changes, seed),
    meanEvidence(about('activations turn faster where more boundaries are crossed'), turning(points), seed),
  ];
}

/** One point's line: places by factor, ascending. */
interface ScaledLine {
  readonly classes: readonly (number | null)[];
  /** `[places]` angle of the last tap's activations with those at factor 1; null where not known. */
  readonly theta: readonly (number | null)[];
  /** `[places]` boundaries between here and factor 1, all taps; negative below factor 1. */
  readonly crossings: readonly number[];
  /** `[places]` logarithms of the factors. */
  readonly logs: readonly number[];
}

function lineOf(columns: ReadTable['columns'], rows: readonly number[]): ScaledLine {
  const places = new Map<number, number[]>();
  for (const row of rows) {
    const alpha = numberAt(columns.alpha!, row)!;
    places.set(alpha, [...(places.get(alpha) ?? []), row]);
  }
  const alphas = [...places.keys()].sort((a, b) => a - b);
  const lastTap = (at: readonly number[]) =>
    at.reduce((best, row) =>
      numberAt(columns.later_layer_id!, row)! > numberAt(columns.later_layer_id!, best)! ? row : best,
    );
  const at = alphas.map((alpha) => places.get(alpha)!);
  return {
    classes: at.map((own) => numberAt(columns.pred_class!, own[0]!)),
    theta: at.map((own) => numberAt(columns.theta_rad!, lastTap(own))),
    crossings: at.map((own, place) => {
      const count = own.reduce((sum, row) => sum + numberAt(columns.crossings!, row)!, 0);
      return alphas[place]! < 1 ? -count : count;
    }),
    logs: alphas.map(Math.log),
  };
}

/**
 * Per point the rank correlation, over the steps of its line, of how fast the angle changes with how many boundaries are
 * crossed, per unit of log factor. What all points share at a factor is taken off both first: small factors both turn and
 * cross more whatever the net.
 */
function turning(points: readonly ScaledLine[]): (number | null)[] {
  const steps = (points[0]?.logs.length ?? 1) - 1;
  const speeds = points.map(({ theta, logs }) =>
    Array.from({ length: steps }, (_, i) => {
      const [a, b] = [theta[i] ?? null, theta[i + 1] ?? null];
      return a === null || b === null ? null : Math.abs(b - a) / (logs[i + 1]! - logs[i]!);
    }),
  );
  const counts = points.map(({ crossings, logs }) =>
    Array.from({ length: steps }, (_, i) => (crossings[i + 1]! - crossings[i]!) / (logs[i + 1]! - logs[i]!)),
  );
  const common = (values: readonly (readonly (number | null)[])[], step: number) => {
    const known = values.map((own) => own[step] ?? null).filter((value) => value !== null);
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  const shared = Array.from({ length: steps }, (_, step) => ({
    speed: common(speeds, step),
    count: common(counts, step),
  }));
  return points.map((_, point) => {
    const own = speeds[point]!;
    if (own.some((speed) => speed === null)) return null;
    return spearman(
      own.map((speed, step) => speed! - shared[step]!.speed),
      counts[point]!.map((count, step) => count - shared[step]!.count),
    );
  });
}

/** Which of two rivals ranks the loss of validity better: boundaries crossed, or distance over the norm. */
function ofMoving({ columns }: ReadTable, { key, rows }: RowGroup, seed: number): Evidence[] {
  const compare = (claim: string, first: string): Evidence => {
    const statement = {
      claim,
      experiment: EXPERIMENT,
      model: key[0]!,
      span: key[1]!,
      nullEffect: 0,
      predicted: 'above',
    } as const;
    const known = rows.filter(
      (row) =>
        numberAt(columns.jv_cos_at_t!, row) !== null &&
        numberAt(columns[first]!, row) !== null &&
        numberAt(columns.norm!, row)! > 0,
    );
    const numbers = (name: string) => known.map((row) => numberAt(columns[name]!, row)!);
    const points = [...new Set(numbers('point_id'))];
    if (points.length < 2)
      return { ...statement, effect: null, interval: null, pValue: null, n: points.length };
    const norms = numbers('norm');
    const estimate = bootstrapSpearmanDifference(
      {
        target: numbers('jv_cos_at_t').map((cosine) => 1 - cosine),
        first: numbers(first),
        second: numbers('t').map((t, i) => t / norms[i]!),
      },
      {
        seed,
        units: points.length,
        unitOf: Int32Array.from(numbers('point_id'), (point) => points.indexOf(point)),
      },
    );
    return evidenceOf(statement, estimate, points.length);
  };
  return [
    compare(
      'crossings predict where a direction ceases to hold better than distance over norm',
      'crossings_at_t',
    ),
    compare(
      'affine distance predicts where a direction ceases to hold better than distance over norm',
      'affine_distance_at_t',
    ),
  ];
}
