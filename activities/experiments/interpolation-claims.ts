// What experiment E4 concludes: where on a leg its boundaries are, against chance, against legs within one class, and against
// the control models. Chains are the independent units.

import { bootstrapRatioOfSums, type Estimate } from '../numeric/bootstrap.ts';
import {
  bootstrapNearRatio,
  circularShiftTest,
  type DensityLeg,
  type ShiftTest,
  swappedMarksTest,
} from '../numeric/circular-shift.ts';
import { type Claim, type Evidence, judgeFamily } from '../polytope/claim.ts';
import { againstControls, type ModelRatio } from './control-contrast.ts';
import { evidenceOf } from './evidence.ts';
import type { Conclusion, ConcludeContext, ReadTable } from './experiment.ts';
import type { ChainKind, InterpolationConfig, InterpolationDesign } from './interpolation-design.ts';
import { type ModelVariant, variantName } from './network.ts';

type Context = ConcludeContext<InterpolationConfig, InterpolationDesign>;

/** Streams of resamples; chains between and within classes are different ones and are drawn apart. */
const STREAM_OF: Readonly<Record<ChainKind, number>> = { between: 0, within: 1 };

const CLAIMS = {
  near: 'boundaries are denser near changes of class than elsewhere on the leg',
  nearByPlace: 'boundaries are denser near changes of class than there on legs that change elsewhere',
  middleBetween: 'boundaries are denser between images of different classes than near them',
  middleWithin: 'boundaries are denser between images of one class than near them',
  peak: 'the density peaks more between images of different classes than between those of one',
  overall: 'boundaries are denser on legs between classes than on legs within one',
} as const;
type ClaimName = keyof typeof CLAIMS;
/** Ratios that are also held against those of the control models. */
const CONTRASTS = {
  near: 'the ratio near changes of class is larger than in',
  middleBetween: 'the peak between images of different classes is larger than in',
} as const;

/** A leg of one chain. */
interface ChainLeg extends DensityLeg {
  readonly chain: number;
  readonly length: number;
}

/** An effect of one model on one track. */
interface Effect {
  readonly name: ClaimName;
  readonly variant: ModelVariant;
  readonly span: string;
  readonly estimate: Estimate;
  /** @default 1 */
  readonly nullEffect?: number;
  /** Of a test by random arrangements; else the bootstrap's. */
  readonly pValue?: number;
  /** Chains behind it. */
  readonly n: number;
}

/** Claims over all tracks of a model are one family. */
export async function concludeInterpolation(context: Context): Promise<Conclusion> {
  const { design, config, variants, signal } = context;
  const table = await context.read('interpolation_legs', [
    'model',
    'path_id',
    'length',
    'class_changes',
    'density',
  ]);
  const effects: Effect[] = [];
  for (const variant of variants) {
    for (const [i, track] of design.tracks.entries()) {
      signal.throwIfAborted();
      const legs = (kind: ChainKind) =>
        legsOf(table, { design, model: variantName(variant), track: i, kind });
      const of = { variant, span: `${track.curve} in ${track.space}` };
      effects.push(
        ...effectsOf(legs('between'), legs('within'), config).map((found) => ({ ...of, ...found })),
      );
    }
  }
  return { claims: claimsOf(effects, config.seed), rows: [], notices: noticesOf(table, context) };
}

/** Legs of one model on one track, in order. */
function legsOf(
  { rows, columns }: ReadTable,
  {
    design,
    model,
    track,
    kind,
  }: { design: InterpolationDesign; model: string; track: number; kind: ChainKind },
): ChainLeg[] {
  const tracks = design.tracks.length;
  const found: ChainLeg[] = [];
  for (let row = 0; row < rows; row++) {
    const pathId = Number(columns.path_id![row]);
    const leg = design.legs[Math.floor(pathId / tracks)]!;
    if (columns.model![row] !== model || pathId % tracks !== track || leg.kind !== kind) continue;
    found.push({
      chain: leg.chain,
      length: Number(columns.length![row]),
      marks: Array.from(columns.class_changes![row] as ArrayLike<number>),
      density: Float64Array.from(columns.density![row] as ArrayLike<number>),
    });
  }
  return found;
}

type Found = Pick<Effect, 'name' | 'estimate' | 'nullEffect' | 'pValue' | 'n'>;

function effectsOf(
  between: readonly ChainLeg[],
  within: readonly ChainLeg[],
  { interpolation, seed }: InterpolationConfig,
): Found[] {
  const shifting = {
    seed,
    halfWidth: interpolation.halfWidth,
    shifts: interpolation.shifts,
    tail: 'two-sided',
  } as const;
  const relative = between.map((leg) => ({ ...leg, density: relativeDensity(leg.density) }));
  const middles = {
    between: middleRatio(between, 'between', seed),
    within: middleRatio(within, 'within', seed),
  };
  const overall = {
    between: overallDensity(between, 'between', seed),
    within: overallDensity(within, 'within', seed),
  };
  const all = new Set([...between, ...within].map(({ chain }) => chain)).size;
  return [
    nearEffect('near', between, circularShiftTest(between, shifting), shifting),
    nearEffect('nearByPlace', relative, swappedMarksTest(relative, shifting), shifting),
    { name: 'middleBetween', estimate: middles.between, n: chainsOf(between).units },
    { name: 'middleWithin', estimate: middles.within, n: chainsOf(within).units },
    { name: 'peak', estimate: quotient(middles.between, middles.within), n: all },
    { name: 'overall', estimate: quotient(overall.between, overall.within), n: all },
  ];
}

/** A test by random arrangements of the marks, with an interval by chains. */
function nearEffect(
  name: ClaimName,
  legs: readonly ChainLeg[],
  test: ShiftTest | null,
  { seed, halfWidth }: { seed: number; halfWidth: number },
): Found {
  const { units: n } = chainsOf(legs.filter(({ marks }) => marks.length > 0));
  // Chains without a change are drawn too, so that replicates have the same chains in every model.
  const estimate = bootstrapNearRatio(legs, { seed, halfWidth, ...chainsOf(legs) });
  if (test === null || estimate === null) return { name, estimate: NOTHING, n };
  return { name, estimate, nullEffect: test.nullRatio, pValue: test.pValue, n };
}

const NOTHING: Estimate = { value: Number.NaN, replicates: new Float64Array() };

/** Chains of legs as units that are resampled. */
function chainsOf(legs: readonly ChainLeg[]): { units: number; unitOf: Int32Array } {
  const numbers = new Map([...new Set(legs.map(({ chain }) => chain))].map((chain, unit) => [chain, unit]));
  return { units: numbers.size, unitOf: Int32Array.from(legs, ({ chain }) => numbers.get(chain)!) };
}

/** Mean density of the middle quarter over that of the first and last eighths. */
function middleRatio(legs: readonly ChainLeg[], kind: ChainKind, seed: number): Estimate {
  if (legs.length === 0) return NOTHING;
  const middle = legs.map(({ density }) => meanWithin(density, 3 / 8, 5 / 8));
  const ends = legs.map(({ density }) => (meanWithin(density, 0, 1 / 8) + meanWithin(density, 7 / 8, 1)) / 2);
  return bootstrapRatioOfSums(middle, ends, { seed, stream: STREAM_OF[kind], ...chainsOf(legs) });
}

/** Crossings per unit of length over all legs. */
function overallDensity(legs: readonly ChainLeg[], kind: ChainKind, seed: number): Estimate {
  if (legs.length === 0) return NOTHING;
  return bootstrapRatioOfSums(
    legs.map(({ density, length }) => meanWithin(density, 0, 1) * length),
    legs.map(({ length }) => length),
    { seed, stream: STREAM_OF[kind], ...chainsOf(legs) },
  );
}

function quotient(above: Estimate, below: Estimate): Estimate {
  return {
    value: above.value / below.value,
    replicates: above.replicates.map((value, i) => value / below.replicates[i]!),
  };
}

/** Mean over the bins whose middle lies in a range of t. */
function meanWithin(density: ArrayLike<number>, low: number, high: number): number {
  let [sum, bins] = [0, 0];
  for (let bin = 0; bin < density.length; bin++) {
    const middle = (bin + 0.5) / density.length;
    if (middle < low || middle > high) continue;
    sum += density[bin]!;
    bins++;
  }
  return sum / bins;
}

/** Density over its mean on the leg, so that legs with many boundaries weigh as much as others. */
function relativeDensity(density: ArrayLike<number>): Float64Array {
  const mean = meanWithin(density, 0, 1);
  return Float64Array.from(density, (value) => (mean > 0 ? value / mean : 0));
}

function claimsOf(effects: readonly Effect[], seed: number): Claim[] {
  const models = [...new Set(effects.map(({ variant }) => variantName(variant)))];
  const own = (Object.keys(CLAIMS) as ClaimName[]).flatMap((name) =>
    models.flatMap((model) =>
      judgeFamily(
        effects
          .filter((effect) => effect.name === name && variantName(effect.variant) === model)
          .map(evidenceFor),
      ),
    ),
  );
  const against = (Object.keys(CONTRASTS) as (keyof typeof CONTRASTS)[]).flatMap((name) =>
    againstControls(
      effects.filter((effect): effect is Effect & ModelRatio => effect.name === name),
      { seed, experiment: 'interpolation', nameOf: (nets) => `${CONTRASTS[name]} ${nets}` },
    ),
  );
  return [...own, ...against];
}

function evidenceFor({ name, variant, span, estimate, nullEffect = 1, pValue, n }: Effect): Evidence {
  const model = variantName(variant);
  const statement = {
    claim: CLAIMS[name],
    experiment: 'interpolation',
    model,
    span,
    nullEffect,
    predicted: 'above',
  } as const;
  const evidence = evidenceOf(statement, estimate, n);
  return pValue === undefined ? evidence : { ...evidence, pValue };
}

/** Legs whose ends coincide in a space. */
function noticesOf({ rows }: ReadTable, { design, variants }: Context): string[] {
  const missing = design.legs.length * design.tracks.length * variants.length - rows;
  return missing > 0 ? [`${missing} legs have ends that coincide in their space and are left out`] : [];
}
