// Spaces whose vectors are scaled, opened for the points of one model, with the directions of each.

import { PipelineError } from '#schemas/errors.ts';
import { withoutBiases } from '../polytope/bias-free-net.ts';
import { Directions, type ReferencePoints } from '../polytope/directions.ts';
import type { MeasureContext, SampleBatch } from './experiment.ts';
import { exactLines, type LineNet, openLineNet } from './line-net.ts';
import type { Network } from './network.ts';
import type { ScalingConfig, ScalingDesign } from './scaling-design.ts';

/**
 * The spaces that `auto` means: the input, and the first space behind each group of taps that is no tap itself, as long as
 * taps lie behind it.
 */
export function spacesBehindTaps({ startSpaces, taps }: Network): string[] {
  const tapNames = new Set(taps.map(({ name }) => name));
  const seen = new Set<number>();
  return startSpaces
    .filter(({ name, tapsBefore }) => {
      const isFirst = !seen.has(tapsBefore) && !tapNames.has(name) && tapsBefore < taps.length;
      if (isFirst) seen.add(tapsBefore);
      return isFirst;
    })
    .map(({ name }) => name);
}

/**
 * The spaces of a config.
 * @throws PipelineError `config-invalid` where a text model's residual stream, or no space at all, is asked for.
 */
export function scaledSpaces(network: Network, asked: 'auto' | readonly string[]): readonly string[] {
  const spaces = asked === 'auto' && !network.text ? spacesBehindTaps(network) : asked;
  if (spaces === 'auto' || spaces.length === 0) {
    throw notASpace(
      'auto',
      'names no space here: text models scale the output of a LayerNorm, named by the config',
    );
  }
  const residual = network.text
    ? spaces.find((space) => network.startSpaces.some(({ name }) => name === space))
    : undefined;
  if (residual === undefined) return spaces;
  throw notASpace(
    residual,
    'is the residual stream: LayerNorm follows it, so scaling leaves every code behind it unchanged',
  );
}

const DICTIONARY_REMEDY =
  'Give directions the kind dictionary, dictionary its vectors, and name the space that they are of.';

/**
 * Checks that vectors of the config are asked for and fit the spaces whose size is known beforehand.
 * @throws PipelineError `config-invalid`.
 */
export function checkDictionary(
  { startSpaces }: Network,
  spaces: readonly string[],
  { dictionary = [], directions }: ScalingConfig['scaling'],
): void {
  const isWanted = directions.includes('dictionary');
  if (isWanted !== dictionary.length > 0) {
    const what = isWanted ? 'there are no vectors' : 'no direction is of the kind dictionary';
    const remedy = DICTIONARY_REMEDY;
    throw new PipelineError({ kind: 'config-invalid', what, where: 'scaling.dictionary', remedy });
  }
  for (const { name, size } of startSpaces) if (spaces.includes(name)) checkEntries(dictionary, name, size);
}

function checkEntries(dictionary: readonly (readonly number[])[], space: string, size: number): void {
  const entry = dictionary.findIndex((vector) => vector.length !== size);
  if (entry < 0) return;
  throw new PipelineError({
    kind: 'config-invalid',
    what: `vectors of ${space} have ${size} values`,
    where: `scaling.dictionary, entry ${entry}`,
    value: `${dictionary[entry]!.length} values`,
    remedy: DICTIONARY_REMEDY,
  });
}

function notASpace(space: string, what: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what,
    where: 'scaling.spaces',
    value: space,
    remedy: 'Name the output of the LayerNorm before an MLP (tessera inspect lists the taps behind them).',
  });
}

/** One space of one model, for the points of one task. */
export interface OpenedSpace {
  readonly name: string;
  readonly directions: Directions;
  /** Vectors of the task's points with their classes, -1 for none. */
  readonly points: readonly { readonly vector: Float64Array; readonly label: number }[];
  /** Lines through a point of the task; a text model's are opened for each point, and close the ones before. */
  linesAt(row: number): Promise<LineNet>;
  /** The same without biases, for the trained model; null where the network has no such copy. */
  readonly biasFree: LineNet | null;
  close(): Promise<void>;
}

/** Points of a task: samples, and for text the token of each whose vector moves. */
export interface TaskPoints {
  readonly context: MeasureContext<ScalingConfig, ScalingDesign>;
  readonly batch: SampleBatch;
  readonly tokens: readonly number[] | null;
}

/** Opens a space and draws on the design's reference samples for its directions. */
export async function openSpace(network: Network, name: string, task: TaskPoints): Promise<OpenedSpace> {
  const { context, batch, tokens } = task;
  const reference = await context.samples!.read(context.design.reference);
  const points = await referencePoints(network, name, reference);
  const { dictionary = [] } = context.config.scaling;
  checkEntries(dictionary, name, points.size);
  const directions = new Directions({ ...points, dictionary }, context.config.seed);
  const moved = await pointsOf(network, name, task);
  const shared = network.text ? null : await openLineNet(network, { from: name });
  const isTrained = network.variant.kind === 'trained';
  const copy = isTrained && shared?.piecewise ? withoutBiases(shared.piecewise) : null;
  let open = shared;
  return {
    name,
    directions,
    points: moved,
    biasFree: copy === null ? null : exactLines(copy),
    async linesAt(row) {
      if (shared !== null) return shared;
      await open?.close();
      open = await openLineNet(network, {
        from: name,
        at: { base: sampleOf(batch, row), token: tokens![row]! },
      });
      return open;
    },
    async close() {
      await open?.close();
    },
  };
}

async function pointsOf(
  network: Network,
  name: string,
  { batch, tokens }: TaskPoints,
): Promise<OpenedSpace['points']> {
  const values = (await network.forward(batch.input, { to: [name] })).get(name)!;
  const samples = batch.sourceIds.length;
  const perSample = network.text ? batch.input.data.length / samples : 1;
  const size = values.length / (samples * perSample);
  return batch.sourceIds.map((_, sample) => {
    const row = sample * perSample + (tokens?.[sample] ?? 0);
    return {
      vector: Float64Array.from(values.subarray(row * size, (row + 1) * size)),
      label: network.text ? -1 : (batch.labels?.[sample] ?? -1),
    };
  });
}

async function referencePoints(network: Network, name: string, batch: SampleBatch): Promise<ReferencePoints> {
  const values = (await network.forward(batch.input, { to: [name] })).get(name)!;
  const { tokens, labels } = batch;
  if (tokens === null) {
    const rows = batch.sourceIds.length;
    return { values, rows, size: values.length / rows, labels };
  }
  const padded = batch.input.data.length / tokens.lengths.length;
  const size = values.length / batch.input.data.length;
  const rows = Array.from(tokens.lengths).flatMap((length, sequence) =>
    Array.from({ length }, (_, token) => sequence * padded + token),
  );
  const valid = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    valid.set(values.subarray(row * size, (row + 1) * size), i * size);
  });
  return { values: valid, rows: rows.length, size, labels };
}

/** One sample of a batch as a model input. */
function sampleOf({ input, sourceIds }: SampleBatch, row: number): SampleBatch['input'] {
  const size = input.data.length / sourceIds.length;
  return {
    ...input,
    data: input.data.slice(row * size, (row + 1) * size),
    dims: [1, ...input.dims.slice(1)],
  };
}
