// The points of one feature of a layer, as the clusterer and the baselines take them.

import type { Observations } from '../numeric/matrix.ts';
import { pca, projectOntoComponents } from '../numeric/pca.ts';
import { permuteCodes } from '../polytope/code-controls.ts';
import type { PointSet } from '../polytope/point-set.ts';
import type { ClusteredPoints } from './cluster-baselines.ts';
import { type Feature, FEW_DIMENSIONS } from './cluster-design.ts';
import type { LayerPoints } from './cluster-points.ts';
import { codeRows } from './code-rows.ts';
import type { TableRows } from './experiment.ts';
import { type Network, variantName } from './network.ts';

export interface FeaturePoints {
  readonly set: PointSet;
  /** The same points for balls. */
  readonly rows: ClusteredPoints;
  /** False for controls: they are not compared with directions of the layer. */
  readonly hasBaselines: boolean;
}

/** @throws Error for a feature that was not gathered: a fault of the plan. */
export function clusteredPoints(feature: Feature, layer: LayerPoints, seed: number): FeaturePoints {
  const { activations, layerCodes, outputCodes } = layer;
  switch (feature) {
    case 'act_l2':
      return vectors(activations, 'euclid');
    case 'act_cos':
      return vectors(unitRows(activations), 'cosine');
    case 'act_l2_pca50':
      return vectors(reduced(activations, seed), 'euclid');
    case 'act_cos_pca50':
      return vectors(reduced(unitRows(activations), seed), 'euclid');
    case 'code_layer':
      return codes(layerCodes, activations.rows);
    case 'code_layer_permuted':
      return {
        ...codes(permuted(layerCodes, activations.rows, seed), activations.rows),
        hasBaselines: false,
      };
    case 'code_to_output':
      return codes(gathered(outputCodes, feature), activations.rows);
    case 'pixels':
      return { ...vectors(gathered(layer.inputs, feature), 'euclid'), hasBaselines: false };
    case 'pixels_pca50':
      return { ...vectors(reduced(gathered(layer.inputs, feature), seed), 'euclid'), hasBaselines: false };
  }
}

function gathered<T>(value: T | null, feature: Feature): T {
  if (value === null) throw new Error(`no points of ${feature}`);
  return value;
}

function vectors(rows: Observations, metric: 'euclid' | 'cosine'): FeaturePoints {
  const set = { metric, rows: rows.rows, columns: rows.cols, values: rows.values };
  return { set, rows, hasBaselines: true };
}

function codes(bytes: Uint8Array, rows: number): FeaturePoints {
  const rowBytes = bytes.length / rows;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return {
    set: { metric: 'hamming', rows, rowBytes, codes: bytes },
    rows: { words, rows, wordsPerRow: rowBytes / 4 },
    hasBaselines: true,
  };
}

function permuted(bytes: Uint8Array, rows: number, seed: number): Uint8Array {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const shuffled = permuteCodes({ words, rows, wordsPerRow: words.length / rows }, seed).words;
  return new Uint8Array(shuffled.buffer, shuffled.byteOffset, shuffled.byteLength);
}

/** Rows of length 1; rows of zeros stay. */
function unitRows({ values, rows, cols }: Observations): Observations {
  const unit = values.slice();
  for (let row = 0; row < rows; row++) {
    const own = unit.subarray(row * cols, (row + 1) * cols);
    const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let j = 0; j < cols; j++) own[j] = own[j]! / length;
  }
  return { values: unit, rows, cols };
}

function reduced(x: Observations, seed: number): Observations {
  const principal = pca(x, { components: FEW_DIMENSIONS, seed });
  return { values: projectOntoComponents(x, principal), rows: x.rows, cols: principal.count };
}

/** Rows of the codes table for one layer. @param numbers - `[points]` number of each point. */
export function layerCodeRows(
  network: Network,
  tap: number,
  { points: { layerCodes, ambiguous }, numbers }: { points: LayerPoints; numbers: readonly number[] },
): TableRows {
  const { channels, codeBits, name } = network.taps[tap]!;
  const rows = numbers.length;
  const words = new Uint32Array(layerCodes.buffer, layerCodes.byteOffset, layerCodes.byteLength / 4);
  const whole = network.text ? 'token' : 'image';
  return codeRows({ words, rows, wordsPerRow: words.length / rows }, numbers, {
    model: variantName(network.variant),
    layer: tap,
    span: name,
    codeBits: channels,
    granularity: channels === codeBits ? whole : 'position',
    ambiguous,
  });
}
