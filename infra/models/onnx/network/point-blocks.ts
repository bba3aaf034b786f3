// Points through a session block by block. Tensors of a block have a fixed number of rows, so memory stays small; a short
// last block is padded to a power of two, so a session sees few shapes.

import { type InferenceSession, Tensor } from 'onnxruntime-node';

/** Numbers per tensor of one block: what a core's second cache holds; sixteen times as many take a quarter longer (bench: crossings). */
const BLOCK_NUMBERS = 2 ** 17;
const MOST_ROWS = 256;
/** Fewer rows would leave the matrix kernels half empty. */
const LEAST_ROWS = 4;

/** Rows of a full block where the largest tensor has `largest` numbers per row. */
export function blockRows(largest: number): number {
  let rows = 1;
  while (rows < MOST_ROWS && rows * 2 * largest <= BLOCK_NUMBERS) rows *= 2;
  return rows;
}

/** A session with one flat float64 input and one flat float64 output, and their columns. */
export interface PointSession {
  readonly session: InferenceSession;
  readonly input: { readonly name: string; readonly width: number };
  readonly output: { readonly name: string; readonly width: number };
  readonly rows: number;
}

/**
 * Runs every point.
 * @param values - `[points, input.width]`.
 * @returns `[points, output.width]`.
 */
export async function runPoints(
  running: PointSession,
  values: Float64Array,
  points: number,
): Promise<Float64Array> {
  const { input, output } = running;
  const result = new Float64Array(points * output.width);
  const whole = points - (points % running.rows);
  for (let first = 0; first < whole; first += running.rows) {
    const from = values.subarray(first * input.width, (first + running.rows) * input.width);
    await runBlock(
      running,
      from,
      result.subarray(first * output.width, (first + running.rows) * output.width),
    );
  }
  if (whole < points) {
    const rows = paddedRows(points - whole, running.rows);
    const from = new Float64Array(rows * input.width);
    from.set(values.subarray(whole * input.width, points * input.width));
    const to = new Float64Array(rows * output.width);
    await runBlock(running, from, to);
    result.set(to.subarray(0, (points - whole) * output.width), whole * output.width);
  }
  return result;
}

async function runBlock(
  { session, input, output }: PointSession,
  from: Float64Array,
  to: Float64Array,
): Promise<void> {
  const rows = from.length / input.width;
  await session.run(
    { [input.name]: new Tensor('float64', from, [rows, input.width]) },
    { [output.name]: new Tensor('float64', to, [rows, output.width]) },
  );
}

function paddedRows(points: number, most: number): number {
  let rows = Math.min(LEAST_ROWS, most);
  while (rows < points) rows *= 2;
  return rows;
}
