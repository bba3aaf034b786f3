// Which images an update sees, and their pixels as coins: functions of the seed and the update's number alone, so that
// models with one seed see the same batches, and a training goes on anywhere.

import { randomStream, shuffle } from '../../numeric/rng.ts';
import { floatArray, type FloatArray, type FloatType } from '../parameters.ts';

export interface GreyImages {
  readonly rows: number;
  readonly pixels: number;
  /** `[rows, pixels]` from 0 to 1. */
  readonly grey: Float32Array;
}

/** Keeps the coins of test images apart from those of training. */
const TEST_STREAM = 0x74657374;
const ORDER_STREAM = 1;
const FIRST_UPDATE_STREAM = 2;

/** Batches of a training, epoch by epoch in an order of its own; rows that do not fill a batch wait for the next epoch. */
export class ImageBatches {
  readonly #images: GreyImages;
  readonly #options: { readonly batch: number; readonly seed: number; readonly type: FloatType };
  readonly #order: Int32Array;
  #epoch = -1;

  /** @throws RangeError where there are fewer images than a batch has. */
  constructor(images: GreyImages, options: { batch: number; seed: number; type: FloatType }) {
    if (images.rows < options.batch) throw new RangeError('a batch has more images than there are');
    this.#images = images;
    this.#options = options;
    this.#order = new Int32Array(images.rows);
  }

  /** `[batch, pixels]` 0 or 1: the batch of an update. */
  at(step: number): FloatArray {
    const { batch, seed, type } = this.#options;
    const each = Math.floor(this.#images.rows / batch);
    this.#shuffled(Math.floor(step / each));
    const from = (step % each) * batch;
    return coins(this.#images, this.#order.subarray(from, from + batch), {
      stream: [seed, FIRST_UPDATE_STREAM + step],
      type,
    });
  }

  #shuffled(epoch: number): void {
    if (epoch === this.#epoch) return;
    for (let row = 0; row < this.#order.length; row++) this.#order[row] = row;
    shuffle(this.#order, randomStream(this.#options.seed, ORDER_STREAM, epoch));
    this.#epoch = epoch;
  }
}

/** `[rows, pixels]` 0 or 1, the same for every model and seed of a run. */
export function testImages(images: GreyImages, rows: number, type: FloatType): FloatArray {
  const first = Int32Array.from({ length: rows }, (_, row) => row);
  return coins(images, first, { stream: [0, TEST_STREAM], type });
}

/** Pixels drawn with their grey values as probabilities; black and white ones need no coin. */
function coins(
  { grey, pixels }: GreyImages,
  rows: Int32Array,
  { stream, type }: { readonly stream: readonly [number, number]; readonly type: FloatType },
): FloatArray {
  const random = randomStream(stream[0], stream[1]);
  const x = floatArray(type, rows.length * pixels);
  for (let row = 0; row < rows.length; row++)
    for (let pixel = 0; pixel < pixels; pixel++) {
      const value = grey[rows[row]! * pixels + pixel]!;
      const lit = value >= 1 || (value > 0 && random.uniform() < value);
      x[row * pixels + pixel] = lit ? 1 : 0;
    }
  return x;
}
