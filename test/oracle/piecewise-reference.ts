// Networks for exact geometry in plain float64 loops: what tests hold the solver, and the runtime's networks, against.

import type { TapInfo } from '#schemas/sweep.ts';
import type { DenseStep, PiecewiseNet, Stage, StageUnits } from '../../activities/polytope/piecewise-net.ts';

/** One dense layer, weights `[outputs][inputs]`. */
export interface DenseLayer {
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly number[];
  /** Slope for z <= 0 of what follows, per output. @default 0 */
  readonly negativeSlopes?: readonly number[];
}

type Step = (row: Float64Array) => Float64Array;

interface ReferenceStage {
  readonly taps: readonly StageUnits[];
  readonly step: Step;
  readonly width: number;
  readonly dense: DenseStep | null;
}

/** A net from functions of single points, with a count of the points that each `advance` took. */
export interface ReferenceNet extends PiecewiseNet {
  /** Points of every call. */
  readonly calls: number[];
  /** The states of one point, stage by stage, then the outputs. */
  forward(point: Float64Array): Float64Array[];
}

function referenceNet(
  size: number,
  taps: readonly TapInfo[],
  stages: readonly ReferenceStage[],
  outputs: { readonly step: Step; readonly width: number; readonly dense: DenseStep | null },
): ReferenceNet {
  const all = [...stages, outputs];
  const calls: number[] = [];
  return {
    dtype: 'float64',
    start: { name: 'input', size, shape: [size] },
    taps,
    stages: stages.map(({ width, taps: units }): Stage => ({ width, taps: units })),
    outputs: outputs.width,
    calls,
    async advance(stage, values, points) {
      calls.push(points);
      const { step, width } = all[stage]!;
      const inputs = stage === 0 ? size : all[stage - 1]!.width;
      if (values.length !== points * inputs) throw new RangeError(`stage ${stage} takes ${inputs} columns`);
      const rows = new Float64Array(points * width);
      for (let point = 0; point < points; point++)
        rows.set(step(values.subarray(point * inputs, (point + 1) * inputs)), point * width);
      return rows;
    },
    dense: (stage) => all[stage]!.dense,
    async close() {},
    forward(point) {
      const states: Float64Array[] = [];
      all.reduce((row, { step }) => {
        const next = step(row);
        states.push(next);
        return next;
      }, point);
      return states;
    },
  };
}

function tapInfo(
  name: string,
  kind: TapInfo['kind'],
  { activation, units }: { activation: string; units: number },
): TapInfo {
  return {
    name,
    kind,
    activation,
    channels: units,
    height: 1,
    width: 1,
    codeBits: units,
    exact: true,
  };
}

/**
 * A dense net; its last layer gives the outputs.
 * @param options.shortcut - whether the net says that its layers are dense, so that both ways of a solver can be tested.
 */
export function denseNet(
  layers: readonly DenseLayer[],
  { shortcut = true, bends = [0] }: { shortcut?: boolean; bends?: readonly number[] } = {},
): ReferenceNet {
  const hidden = layers.slice(0, -1);
  const top = bends.length > 1 ? Math.max(...bends) : Number.POSITIVE_INFINITY;
  const steps = layers.map((layer, index) => denseLayer(layer, layers[index - 1], { top, shortcut }));
  const leaky = hidden.some(({ negativeSlopes }) => negativeSlopes?.some((slope) => slope !== 0));
  const activation = bends.length > 1 ? 'Clip' : leaky ? 'LeakyRelu' : 'Relu';
  return referenceNet(
    layers[0]!.weights[0]!.length,
    hidden.map(({ bias }, i) => tapInfo(`layer${i + 1}`, 'dense', { activation, units: bias.length })),
    hidden.map(({ bias }, tap) => ({
      ...steps[tap]!,
      taps: [{ kind: 'relu', tap, offset: 0, units: bias.length, bends }],
    })),
    steps.at(-1)!,
  );
}

function denseLayer(
  { weights, bias }: DenseLayer,
  before: DenseLayer | undefined,
  { top, shortcut }: { top: number; shortcut: boolean },
): { step: Step; width: number; dense: DenseStep | null } {
  const inputs = weights[0]!.length;
  const slopes = before?.negativeSlopes ?? new Array<number>(inputs).fill(0);
  const flat = Float64Array.from(weights.flat());
  const step: Step = (row) => {
    const a =
      before === undefined
        ? row
        : row.map((z, i) => (z > 0 ? Math.min(z, top) : slopes[i]! === 0 ? 0 : slopes[i]! * z));
    return Float64Array.from(bias, (b, out) => {
      let sum = b;
      for (let i = 0; i < inputs; i++) sum += flat[out * inputs + i]! * a[i]!;
      return sum;
    });
  };
  const isDense = shortcut && before !== undefined && top === Number.POSITIVE_INFINITY;
  const dense = isDense
    ? { weights: flat, bias: Float64Array.from(bias), negativeSlopes: Float64Array.from(slopes) }
    : null;
  return { step, width: bias.length, dense };
}

/** Random dense layers, normal weights scaled by the fan-in, with biases. */
export function randomLayers(
  sizes: readonly number[],
  random: { normal(): number },
  { biasScale = 0.3, negativeSlope = 0 }: { biasScale?: number; negativeSlope?: number } = {},
): DenseLayer[] {
  return sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i]!;
    const row = (length: number, scale: number) => Array.from({ length }, () => scale * random.normal());
    return {
      weights: Array.from({ length: outputs }, () => row(inputs, Math.sqrt(2 / inputs))),
      bias: row(outputs, biasScale),
      negativeSlopes: new Array<number>(outputs).fill(negativeSlope),
    };
  });
}

const SIDE = 6;
const HALF = 3;
const CHANNELS = 3;
const DENSE_UNITS = 8;

/**
 * A small net on 6x6 images: conv (3 channels, padding 1), ReLU, 2x2 max-pool, conv with a residual branch around it, ReLU
 * before the sum, dense, ReLU, 3 outputs. `pool` puts the pool behind the ReLU, as usual, or before it.
 */
export function convNet(
  random: { normal(): number },
  pool: 'behind-relu' | 'before-relu' = 'behind-relu',
): ReferenceNet {
  const first = convolution(1, CHANNELS, SIDE, random);
  const second = convolution(CHANNELS, CHANNELS, HALF, random);
  const [hidden, last] = randomLayers([CHANNELS * HALF * HALF, DENSE_UNITS, 3], random);
  const [full, small] = [CHANNELS * SIDE * SIDE, CHANNELS * HALF * HALF];
  const isBehind = pool === 'behind-relu';
  const poolTap = isBehind ? 1 : 0;
  const reluTap = 1 - poolTap;
  const taps = [
    tapInfo('conv1', 'conv', { activation: 'Relu', units: isBehind ? full : small }),
    tapInfo('conv2', 'conv', { activation: 'Relu', units: small }),
    tapInfo('dense', 'dense', { activation: 'Relu', units: DENSE_UNITS }),
  ];
  taps.splice(poolTap, 0, tapInfo('pool', 'pool', { activation: 'MaxPool', units: small }));
  const windows = poolWindows();
  const poolUnits: StageUnits = {
    kind: 'pool',
    tap: poolTap,
    offset: 0,
    units: small,
    windows,
    windowSize: 4,
  };
  const reluUnits: StageUnits = {
    kind: 'relu',
    tap: reluTap,
    offset: 0,
    units: isBehind ? full : small,
    bends: [0],
  };
  const between: ReferenceStage = isBehind
    ? { taps: [poolUnits], step: relu, width: full, dense: null }
    : { taps: [reluUnits], step: (row) => maxPool(row, windows), width: small, dense: null };
  // The residual branch rides along behind the convolution's pre-activations.
  const branch: Step = (row) => {
    const x = isBehind ? maxPool(row, windows) : relu(row);
    return Float64Array.of(...second(x), ...x);
  };
  const joined: Step = (row) => relu(row.subarray(0, small)).map((value, i) => value + row[small + i]!);
  return referenceNet(
    SIDE * SIDE,
    taps,
    [
      { taps: [isBehind ? reluUnits : poolUnits], step: first, width: full, dense: null },
      between,
      {
        taps: [{ kind: 'relu', tap: 2, offset: 0, units: small, bends: [0] }],
        step: branch,
        width: 2 * small,
        dense: null,
      },
      {
        taps: [{ kind: 'relu', tap: 3, offset: 0, units: DENSE_UNITS, bends: [0] }],
        step: (row) => denseLayer(hidden!, undefined, PLAIN).step(joined(row)),
        width: DENSE_UNITS,
        dense: null,
      },
    ],
    { step: denseLayer(last!, hidden, PLAIN).step, width: 3, dense: null },
  );
}

const PLAIN = { top: Number.POSITIVE_INFINITY, shortcut: false };

function relu(row: Float64Array): Float64Array {
  return row.map((z) => Math.max(z, 0));
}

function maxPool(row: Float64Array, windows: Int32Array): Float64Array {
  return Float64Array.from({ length: windows.length / 4 }, (_, window) =>
    Math.max(...Array.from(windows.subarray(window * 4, window * 4 + 4), (column) => row[column]!)),
  );
}

function poolWindows(): Int32Array {
  const columns: number[] = [];
  for (let c = 0; c < CHANNELS; c++) {
    for (let y = 0; y < SIDE; y += 2) {
      for (let x = 0; x < SIDE; x += 2) {
        const at = (c * SIDE + y) * SIDE + x;
        columns.push(at, at + 1, at + SIDE, at + SIDE + 1);
      }
    }
  }
  return Int32Array.from(columns);
}

/** 3x3, padding 1, on a square image. */
function convolution(inputs: number, outputs: number, side: number, random: { normal(): number }): Step {
  const weights = Float64Array.from(
    { length: outputs * inputs * 9 },
    () => random.normal() / (3 * Math.sqrt(inputs)),
  );
  const bias = Float64Array.from({ length: outputs }, () => 0.2 * random.normal());
  return (image) => {
    const out = new Float64Array(outputs * side * side);
    for (let o = 0; o < outputs; o++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          let sum = bias[o]!;
          for (let i = 0; i < inputs; i++) {
            for (let k = 0; k < 9; k++) {
              const [v, u] = [y + Math.floor(k / 3) - 1, x + (k % 3) - 1];
              if (v >= 0 && v < side && u >= 0 && u < side)
                sum += weights[(o * inputs + i) * 9 + k]! * image[(i * side + v) * side + u]!;
            }
          }
          out[(o * side + y) * side + x] = sum;
        }
      }
    }
    return out;
  };
}
