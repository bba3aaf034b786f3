// Runs an experiment without the pipeline: every task in order, rows kept in memory.

import type {
  Cell,
  Conclusion,
  Experiment,
  ExperimentPlan,
  ReadTable,
  Samples,
  TableRows,
} from '../../activities/experiments/experiment.ts';
import { type ModelVariant, type Network, variantName } from '../../activities/experiments/network.ts';
import type { LensConfig } from '#schemas/lens-config.ts';

export interface MemoryRun<Design> {
  readonly plan: ExperimentPlan<Design>;
  /** Rows by table, column by column. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, Cell[]>>>>;
  readonly conclusion: Conclusion;
}

/** Points of a vector data set. */
export function vectorSamples(
  points: readonly (readonly number[])[],
  labels: readonly number[] | null,
): Samples {
  const classes = labels && Int32Array.from(labels);
  return {
    count: points.length,
    shape: [points[0]!.length],
    labelNames: null,
    classes: labels === null ? null : Math.max(...labels) + 1,
    labels: async () => classes,
    async read(numbers) {
      const chosen = Array.from(numbers, (number) => points[number]!);
      return {
        input: {
          type: 'float32',
          data: Float32Array.from(chosen.flat()),
          dims: [chosen.length, points[0]!.length],
        },
        labels: classes && Int32Array.from(numbers, (number) => classes[number]!),
        sourceIds: Array.from(numbers, String),
        tokens: null,
      };
    },
  };
}

/** Plans, measures and concludes; checks that tasks count all of their units. */
export async function runInMemory<Config extends LensConfig, Design>(
  experiment: Experiment<Config, Design>,
  {
    config,
    samples,
    networks,
  }: { readonly config: Config; readonly samples: Samples; readonly networks: readonly Network[] },
): Promise<MemoryRun<Design>> {
  const variants: ModelVariant[] = networks.map(({ variant }) => variant);
  const { signal } = new AbortController();
  const shared = {
    config,
    samples,
    variants,
    signal,
    network: async (wanted: ModelVariant) =>
      networks.find(({ variant }) => variantName(variant) === variantName(wanted))!,
  };
  const plan = await experiment.plan(shared);
  // As plan.json holds it.
  const design: Design = JSON.parse(JSON.stringify(plan.design));
  const tables: Record<string, Record<string, Cell[]>> = {};
  const readRun = async (): Promise<ReadTable> => {
    throw new Error('no finished run');
  };
  for (const task of plan.tasks) {
    let units = 0;
    for await (const chunk of experiment.measure(task, { ...shared, design, readRun })) {
      units = chunk.units;
      for (const rows of chunk.rows) keepRows(tables, rows);
    }
    if (units !== task.to - task.from) throw new Error(`a task ends at ${units} units`);
  }
  const read = async (table: string, columns: readonly string[]): Promise<ReadTable> => {
    const known = tables[table] ?? {};
    return {
      rows: known[columns[0]!]?.length ?? 0,
      columns: Object.fromEntries(columns.map((name) => [name, known[name] ?? []])),
    };
  };
  const conclusion = await experiment.conclude({ config, design, variants, labelNames: null, read, signal });
  return { plan, tables, conclusion };
}

function keepRows(tables: Record<string, Record<string, Cell[]>>, { table, rows, columns }: TableRows): void {
  const known = tables[table] ?? {};
  tables[table] = known;
  for (const [name, cells] of Object.entries(columns)) {
    if (cells.length !== rows) throw new Error(`${table}.${name} has ${cells.length} of ${rows} rows`);
    known[name] = [...(known[name] ?? []), ...Array.from(cells)];
  }
}
