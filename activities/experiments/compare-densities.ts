// Boundary densities of two experiments on the same paths, model by model and layer by layer.

import { DENSITY_CHANGES_TABLE } from '#schemas/columns/lens/compare.ts';
import { type CompareConfig, differ, type ReadSide } from './compared-runs.ts';
import { bootstrapMean } from '../numeric/bootstrap.ts';
import { bootstrapPairs } from '../numeric/pair-bootstrap.ts';
import type { Evidence } from '../polytope/claim.ts';
import { evidenceOf } from './evidence.ts';
import type { MeasureContext, TableRows } from './experiment.ts';
import { numberAt } from './grouped-rows.ts';
import { RowCollector } from './row-collector.ts';

/** One path and layer: densities in units of the paths' space. */
interface Density {
  /** Points at the ends; null where an end is no point of the data set. */
  readonly ends: readonly [number | null, number | null];
  readonly rhoHamming: number;
  readonly rhoCrossings: number | null;
}

/** Where a path lies. */
interface Facts extends Pick<Density, 'ends'> {
  readonly name: string;
  readonly length: number;
  readonly distance: number;
}

/** Densities by model, layer and path; a path is named by its ends. */
type Densities = ReadonlyMap<string, ReadonlyMap<number, ReadonlyMap<string, Density>>>;

/**
 * Rows of `density_changes`.
 * @throws PipelineError `config-invalid` where no model has a path in both runs, `data-missing` where a run has no paths.
 */
export async function* compareDensities(
  read: ReadSide,
  { config }: Pick<MeasureContext<CompareConfig, null>, 'config'>,
): AsyncIterable<readonly TableRows[]> {
  const [a, b] = [await densitiesOf(read, 0), await densitiesOf(read, 1)];
  const rows = new RowCollector(DENSITY_CHANGES_TABLE);
  for (const [model, layers] of a) {
    for (const [layer, before] of [...layers].sort(([first], [second]) => first - second)) {
      const after = b.get(model)?.get(layer);
      const paths = after === undefined ? [] : [...before.keys()].filter((path) => after.has(path));
      if (paths.length === 0) continue;
      const pairs = paths.map((path) => [before.get(path)!, after!.get(path)!] as const);
      rows.add({ model, layer_id: layer, n_paths: paths.length, ...columnsOf(pairs, config.seed) });
    }
  }
  if (rows.rows === 0)
    throw differ('the two runs have no path of one model in common', config.runs, 'other pairs of points');
  yield [rows.take()];
}

async function densitiesOf(read: ReadSide, side: 0 | 1): Promise<Densities> {
  const paths = await read(side, 'paths', [
    'model',
    'path_id',
    'kind',
    'point_a',
    'point_b',
    'length',
    'rho_h',
    'hamming',
  ]);
  const layers = await read(side, 'path_layers', ['model', 'path_id', 'layer_id', 'crossings', 'hamming']);
  const facts = new Map<string, Facts>();
  for (let row = 0; row < paths.rows; row++) {
    const cell = (name: string) => paths.columns[name]![row];
    const length = numberAt(paths.columns.length!, row)!;
    const [rho, hamming] = [numberAt(paths.columns.rho_h!, row)!, numberAt(paths.columns.hamming!, row)!];
    facts.set(`${cell('model')} ${cell('path_id')}`, {
      name: `${cell('path_id')} ${cell('kind')} ${cell('point_a')} ${cell('point_b')}`,
      ends: [numberAt(paths.columns.point_a!, row), numberAt(paths.columns.point_b!, row)],
      length,
      distance: rho > 0 ? hamming / rho : length,
    });
  }
  const found = new Map<string, Map<number, Map<string, Density>>>();
  for (let row = 0; row < layers.rows; row++) {
    const model = String(layers.columns.model![row]);
    const layer = numberAt(layers.columns.layer_id!, row)!;
    const { name, ends, length, distance } = facts.get(`${model} ${layers.columns.path_id![row]}`)!;
    const crossings = numberAt(layers.columns.crossings!, row);
    const byLayer = found.get(model) ?? new Map<number, Map<string, Density>>();
    found.set(model, byLayer);
    const byPath = byLayer.get(layer) ?? new Map<string, Density>();
    byLayer.set(layer, byPath);
    byPath.set(name, {
      ends,
      rhoHamming: numberAt(layers.columns.hamming!, row)! / distance,
      rhoCrossings: crossings === null ? null : crossings / length,
    });
  }
  return found;
}

function columnsOf(pairs: readonly (readonly [Density, Density])[], seed: number) {
  const mean = (values: readonly (number | null)[]) =>
    values.some((value) => value === null)
      ? null
      : (values as readonly number[]).reduce((sum, value) => sum + value, 0) / values.length;
  const { effect, interval, pValue, n } = logRatio(pairs, seed);
  return {
    rho_h_a: mean(pairs.map(([before]) => before.rhoHamming)),
    rho_h_b: mean(pairs.map(([, after]) => after.rhoHamming)),
    rho_x_a: mean(pairs.map(([before]) => before.rhoCrossings)),
    rho_x_b: mean(pairs.map(([, after]) => after.rhoCrossings)),
    log_ratio: effect,
    log_ratio_ci_low: interval?.low ?? null,
    log_ratio_ci_high: interval?.high ?? null,
    log_ratio_p: pValue,
    log_ratio_n: n,
  };
}

/** Mean log ratio, resampled by the points that paths share: both ends where both are points, else the start. */
function logRatio(pairs: readonly (readonly [Density, Density])[], seed: number): Evidence {
  const statement = {
    claim: '',
    experiment: '',
    model: '',
    span: '',
    nullEffect: 0,
    predicted: 'above',
  } as const;
  const known = pairs.filter(([before, after]) => before.rhoHamming > 0 && after.rhoHamming > 0);
  const values = Float64Array.from(known, ([before, after]) =>
    Math.log(after.rhoHamming / before.rhoHamming),
  );
  const points = [...new Set(known.flatMap(([{ ends }]) => ends))].filter((point) => point !== null);
  const unitOf = new Map(points.map((point, unit) => [point, unit]));
  if (known.length === 0) return { ...statement, effect: null, interval: null, pValue: null, n: 0 };
  const hasBothEnds = known.every(([{ ends }]) => ends[0] !== null && ends[1] !== null);
  const ends = Int32Array.from(
    known.flatMap(([{ ends: own }]) => own.map((point) => unitOf.get(point!) ?? -1)),
  );
  if (!hasBothEnds) {
    const starts = ends.filter((_, at) => at % 2 === 0);
    return evidenceOf(
      statement,
      bootstrapMean(values, { seed, units: points.length, unitOf: starts }),
      points.length,
    );
  }
  const sample = { units: points.length, ends, values, groups: new Uint8Array(values.length) };
  return evidenceOf(statement, bootstrapPairs(sample, { seed }).meanA, points.length);
}
