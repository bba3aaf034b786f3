// What experiment E7 concludes from drawn pairs: are crossings denser on paths between classes than within one?

import { drawnUnits } from '../numeric/bootstrap.ts';
import { bootstrapPairs, type PairSample } from '../numeric/pair-bootstrap.ts';
import { type Claim, judgeFamily } from '../polytope/claim.ts';
import { againstControls, type ModelRatio } from './control-contrast.ts';
import { evidenceOf } from './evidence.ts';
import type { ConcludeContext, Conclusion, ReadTable } from './experiment.ts';
import { variantName } from './network.ts';
import type { PathsConfig, PathsDesign } from './paths-design.ts';

type Context = ConcludeContext<PathsConfig, PathsDesign>;

const CLAIM = 'crossings are denser between classes than within';
const COLUMNS = ['model', 'path_id', 'point_a', 'point_b', 'same_class', 'length', 'crossings'];

/** Claims where pairs within and between classes were drawn; names what has no row. */
export async function concludePaths({
  design,
  config,
  variants,
  read,
  signal,
}: Context): Promise<Conclusion> {
  const paths = await read('paths', COLUMNS);
  const layers = await read('path_layers', ['model', 'path_id', 'layer_id', 'crossings']);
  const names = new Set(Array.from(paths.columns.same_class!));
  const isCompared = design.isDrawn && names.has(true) && names.has(false);
  const ratios: ModelRatio[] = [];
  for (const variant of isCompared ? variants : []) {
    signal.throwIfAborted();
    for (const { span, sample } of samplesOf(variantName(variant), paths, layers)) {
      const resampling = { seed: config.seed };
      const { ratio } = bootstrapPairs(sample, resampling, drawnUnits(sample.units, resampling));
      ratios.push({ variant, span, estimate: ratio, n: sample.units });
    }
  }
  return {
    claims: [...judged(ratios), ...contrasts(ratios, config.seed)],
    rows: [],
    notices: noticesOf(design, variants.map(variantName), paths),
  };
}

/** All layers behind the space together, then each of them. */
function samplesOf(
  model: string,
  paths: ReadTable,
  layers: ReadTable,
): { span: string; sample: PairSample }[] {
  const own = rowsOf(paths, model);
  const lengthOf = new Map(own.map((row) => [paths.columns.path_id![row], paths.columns.length![row]]));
  const crossings = new Map<string, Map<unknown, number>>();
  const add = (span: string, path: unknown, count: unknown) => {
    const counts = crossings.get(span) ?? new Map<unknown, number>();
    crossings.set(span, counts.set(path, Number(count)));
  };
  for (const row of own) add('all layers', paths.columns.path_id![row], paths.columns.crossings![row]);
  for (const row of rowsOf(layers, model)) {
    const span = `layer ${Number(layers.columns.layer_id![row])}`;
    add(span, layers.columns.path_id![row], layers.columns.crossings![row]);
  }
  return Array.from(crossings, ([span, counts]) => {
    const densityOf = (row: number) => {
      const path = paths.columns.path_id![row];
      return (counts.get(path) ?? 0) / Number(lengthOf.get(path));
    };
    return { span, sample: sampleOf(paths, own, densityOf) };
  });
}

function rowsOf({ rows, columns }: ReadTable, model: string): number[] {
  return Array.from({ length: rows }, (_, row) => row).filter((row) => columns.model![row] === model);
}

function sampleOf(
  { columns }: ReadTable,
  rows: readonly number[],
  density: (row: number) => number,
): PairSample {
  const ends = rows.flatMap((row) => [Number(columns.point_a![row]), Number(columns.point_b![row])]);
  const units = new Map([...new Set(ends)].sort((a, b) => a - b).map((point, unit) => [point, unit]));
  return {
    units: units.size,
    ends: Int32Array.from(ends, (point) => units.get(point)!),
    values: Float64Array.from(rows, density),
    groups: Uint8Array.from(rows, (row) => (columns.same_class![row] === true ? 1 : 0)),
  };
}

function judged(ratios: readonly ModelRatio[]): Claim[] {
  const models = [...new Set(ratios.map(({ variant }) => variantName(variant)))];
  return models.flatMap((model) =>
    judgeFamily(
      ratios
        .filter(({ variant }) => variantName(variant) === model)
        .map(({ span, estimate, n }) =>
          evidenceOf(
            { claim: CLAIM, experiment: 'paths', model, span, nullEffect: 1, predicted: 'above' },
            estimate,
            n,
          ),
        ),
    ),
  );
}

function contrasts(ratios: readonly ModelRatio[], seed: number): Claim[] {
  const nameOf = (nets: string) => `the ratio of crossing densities is larger than in ${nets}`;
  return againstControls(ratios, { seed, experiment: 'paths', nameOf });
}

function noticesOf({ pairs }: PathsDesign, models: readonly string[], paths: ReadTable): string[] {
  return models.flatMap((model) => {
    const missing = pairs.length - rowsOf(paths, model).length;
    return missing > 0 ? [`${missing} pairs coincide in ${model}: they have no row`] : [];
  });
}
