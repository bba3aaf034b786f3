// What the taps of a stage look like: the units of activations, and the windows of max-pools.

import type { TapInfo } from '#schemas/sweep.ts';
import type { PoolUnits, ReluUnits, StageUnits } from '../../../../activities/polytope/piecewise-net.ts';
import { tapGeometry } from '../geometry.ts';
import { elements } from '../tensors.ts';
import { findTaps } from '../taps.ts';
import { nodesNeeded } from './graph-flow.ts';
import { type Kink, kinkOf } from './kinks.ts';
import { type OpenedModel, sampleShapeOf } from './opened-model.ts';
import type { Column } from './step-graph.ts';
import { kernelShape, windowsOf } from './windows.ts';

/** Max-pools between the input and the ends of the graph, in graph order. */
export function poolTaps(model: OpenedModel): TapInfo[] {
  const { loaded, index, taps, logits, trace } = model;
  const ends = [...taps.map(({ info }) => info.name), ...(logits === null ? [] : [logits.name])];
  return nodesNeeded(loaded.graph.node, ends)
    .filter((node) => kinkOf(index, node)?.kind === 'pool' && trace.live.has(node.output[0] ?? ''))
    .map((node) => poolInfo(model, node.output[0] ?? ''));
}

/** Taps behind the start in graph order, and the units of each stage. */
export interface StageTaps {
  readonly taps: readonly TapInfo[];
  readonly units: readonly (readonly StageUnits[])[];
}

/**
 * Describes the kinks of every stage.
 * @param kinks - per stage, in graph order.
 * @param columns - per stage, where each tensor lies.
 */
export function stageTaps(
  model: OpenedModel,
  kinks: readonly (readonly Kink[])[],
  columns: readonly (readonly Column[])[],
): StageTaps {
  const place = new Map(model.loaded.graph.node.map((node, at) => [node, at]));
  const named = new Map<string, Kink[]>();
  const inOrder = kinks.flat().sort((a, b) => (place.get(a.node) ?? 0) - (place.get(b.node) ?? 0));
  for (const kink of inOrder) named.set(tapName(kink), [...(named.get(tapName(kink)) ?? []), kink]);
  const names = [...named.keys()];
  return {
    taps: names.map((name) => tapInfo(model, name, named.get(name)?.[0] as Kink)),
    units: kinks.map((of, stage) => {
      const inStage = names.filter((name) => of.some((kink) => tapName(kink) === name));
      return inStage.map((name) =>
        unitsOf(model, named.get(name) as Kink[], {
          tap: names.indexOf(name),
          columns: columns[stage] ?? [],
        }),
      );
    }),
  };
}

// A tensor that feeds several activations is one tap with all their bends; each pool is a tap of its own.
function tapName(kink: Kink): string {
  return kink.kind === 'pool' ? (kink.node.output[0] ?? '') : kink.input;
}

function tapInfo(model: OpenedModel, name: string, kink: Kink): TapInfo {
  if (kink.kind === 'pool') return poolInfo(model, name);
  const known = model.taps.find(({ info }) => info.name === name);
  if (known !== undefined) return known.info;
  // An activation that model.taps leaves out still bends.
  const found = findTaps(model.index).find((tap) => tap.name === name);
  if (found === undefined) throw new Error(`no tap ${name}`);
  const { samples } = model.trace;
  return tapGeometry(found, model.trace.shapeOf(name) ?? [], model.index, {
    granularity: 'image',
    samples,
    tokens: null,
  }).info;
}

function poolInfo(model: OpenedModel, name: string): TapInfo {
  const [lead = 1, channels = 1, ...spatial] = sampleShapeOf(model, name);
  const [height = 1, ...rest] = spatial.length === 1 ? [1, ...spatial] : spatial;
  const width = elements(rest);
  return {
    name,
    kind: 'pool',
    activation: 'MaxPool',
    channels: lead * channels,
    height,
    width,
    codeBits: lead * channels * height * width,
    exact: true,
  };
}

function unitsOf(
  model: OpenedModel,
  kinks: readonly Kink[],
  { tap, columns }: { tap: number; columns: readonly Column[] },
): StageUnits {
  const first = kinks[0] as Kink;
  const { offset, size } = columns.find(({ name }) => name === first.input) as Column;
  if (first.kind === 'pool') return poolUnits(model, first, { tap, offset });
  const bends = new Set(kinks.flatMap((kink) => (kink.kind === 'relu' ? kink.bends : [])));
  const relu: ReluUnits = { kind: 'relu', tap, offset, units: size, bends: [...bends].sort((a, b) => a - b) };
  return relu;
}

function poolUnits(
  model: OpenedModel,
  { node, input }: Kink,
  { tap, offset }: { tap: number; offset: number },
): PoolUnits {
  const [lead = 1, channels = 1, ...spatial] = sampleShapeOf(model, input);
  const output = sampleShapeOf(model, node.output[0] ?? '').slice(2);
  const kernel = node.opType === 'MaxPool' ? kernelShape(node) : spatial;
  const { entries, size, count } = windowsOf(node, { kernel, input: spatial, output });
  const area = elements(spatial);
  const planes = lead * channels;
  const windows = new Int32Array(planes * entries.length);
  for (let plane = 0; plane < planes; plane++) {
    const at = plane * entries.length;
    for (const [i, entry] of entries.entries()) windows[at + i] = entry < 0 ? -1 : plane * area + entry;
  }
  return { kind: 'pool', tap, offset, units: planes * count, windows, windowSize: size };
}
