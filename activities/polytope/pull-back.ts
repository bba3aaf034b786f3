// Exact gradients of a piecewise-linear network: of linear functions of its outputs with respect to its start.

import type { DenseStep, PiecewiseNet } from './piecewise-net.ts';
import { pushForward } from './push-forward.ts';

/** Outputs at points, and the gradients of what was asked for. */
export interface Gradients {
  /** `[count, outputs]` */
  readonly outputs: Float64Array;
  /** `[count, start.size]` */
  readonly gradients: Float64Array;
}

/**
 * Covector of one point: what linear function of the outputs is differentiated.
 * @param outputs - `[outputs]` of the point.
 */
export type CovectorOf = (outputs: Float64Array, point: number) => Float64Array;

/** Points times directions that are pushed forward at once. */
const PUSHED_AT_ONCE = 1024;

/**
 * Gradients at points, exact in the region of each (a unit on its boundary counts as off): backwards through the weights where
 * every step is one dense layer, else forwards along every axis of the start, which costs `start.size` times as much.
 */
export class PullBack {
  readonly #net: PiecewiseNet;
  readonly #layers: readonly DenseStep[] | null;
  /** `[width of the first state, start.size]`; filled when it is first needed. */
  #first: Float64Array | null = null;

  constructor(net: PiecewiseNet) {
    this.#net = net;
    const layers = net.stages.map((_, stage) => net.dense(stage + 1));
    const isDense =
      layers.every((layer) => layer !== null) && net.stages.every(({ taps }) => taps.length === 1);
    this.#layers = isDense ? layers : null;
  }

  /** @param points - `[count, start.size]`. */
  async at(points: Float64Array, covectorOf: CovectorOf): Promise<Gradients> {
    const { start, outputs: width, stages } = this.#net;
    const count = points.length / start.size;
    const states: Float64Array[] = [];
    let state = points;
    for (let stage = 0; stage <= stages.length; stage++) {
      state = await this.#net.advance(stage, state, count);
      states.push(state);
    }
    const covectors = new Float64Array(count * width);
    for (let point = 0; point < count; point++)
      covectors.set(covectorOf(state.subarray(point * width, (point + 1) * width), point), point * width);
    const gradients =
      this.#layers === null
        ? await this.#alongAxes(points, covectors)
        : await this.#backwards(this.#layers, states, covectors);
    return { outputs: state, gradients };
  }

  async #backwards(
    layers: readonly DenseStep[],
    states: readonly Float64Array[],
    covectors: Float64Array,
  ): Promise<Float64Array> {
    let back = covectors;
    for (let stage = layers.length - 1; stage >= 0; stage--)
      back = throughLayer(layers[stage]!, states[stage]!, back);
    this.#first ??= await firstMatrix(this.#net);
    return timesMatrix(back, this.#first, this.#net.start.size);
  }

  async #alongAxes(points: Float64Array, covectors: Float64Array): Promise<Float64Array> {
    const { size } = this.#net.start;
    const { outputs } = this.#net;
    const count = points.length / size;
    const gradients = new Float64Array(points.length);
    for (let first = 0; first < count * size; first += PUSHED_AT_ONCE) {
      const rows = Math.min(PUSHED_AT_ONCE, count * size - first);
      const at = new Float64Array(rows * size);
      const along = new Float64Array(rows * size);
      for (let row = 0; row < rows; row++) {
        const point = Math.floor((first + row) / size);
        at.set(points.subarray(point * size, (point + 1) * size), row * size);
        along[row * size + ((first + row) % size)] = 1;
      }
      const pushed = await pushForward(this.#net, at, along);
      for (let row = 0; row < rows; row++) {
        const point = Math.floor((first + row) / size);
        let sum = 0;
        for (let k = 0; k < outputs; k++) sum += pushed[row * outputs + k]! * covectors[point * outputs + k]!;
        gradients[first + row] = sum;
      }
    }
    return gradients;
  }
}

/** Covectors of a layer's inputs: through the weights, then through the slopes of the units. */
function throughLayer(
  { weights, bias, negativeSlopes }: DenseStep,
  state: Float64Array,
  covectors: Float64Array,
): Float64Array {
  const inputs = weights.length / bias.length;
  const back = timesMatrix(covectors, weights, inputs);
  for (let at = 0; at < back.length; at++) if (!(state[at]! > 0)) back[at]! *= negativeSlopes[at % inputs]!;
  return back;
}

/** `[count, rows] x [rows, columns]`. */
function timesMatrix(covectors: Float64Array, matrix: Float64Array, columns: number): Float64Array {
  const rows = matrix.length / columns;
  const count = covectors.length / rows;
  const product = new Float64Array(count * columns);
  for (let point = 0; point < count; point++) {
    const to = product.subarray(point * columns, (point + 1) * columns);
    for (let row = 0; row < rows; row++) {
      const factor = covectors[point * rows + row]!;
      if (factor === 0) continue;
      const from = row * columns;
      for (let column = 0; column < columns; column++) to[column]! += factor * matrix[from + column]!;
    }
  }
  return product;
}

/** The affine step into the first state as a matrix, by its values on the axes. */
async function firstMatrix(net: PiecewiseNet): Promise<Float64Array> {
  const { size } = net.start;
  const width = net.stages[0]!.width;
  const points = new Float64Array((size + 1) * size);
  for (let axis = 0; axis < size; axis++) points[(axis + 1) * size + axis] = 1;
  const values = await net.advance(0, points, size + 1);
  const matrix = new Float64Array(width * size);
  for (let axis = 0; axis < size; axis++)
    for (let row = 0; row < width; row++)
      matrix[row * size + axis] = values[(axis + 1) * width + row]! - values[row]!;
  return matrix;
}
