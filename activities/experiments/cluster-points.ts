// Points to be clustered: which they are, and where they lie in a layer, by forward passes. An image gives one vector a layer,
// all channels at the centre; a sequence of tokens gives six.

import { PipelineError } from '#schemas/errors.ts';
import type { Observations } from '../numeric/matrix.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { codeRowBytes } from '../polytope/code-layout.ts';
import { packSigns } from '../polytope/sign-code.ts';
import type { CodedPoints, Samples } from './experiment.ts';
import { centre, centrePosition } from './map-centre.ts';
import type { Network } from './network.ts';
import { pointPasses } from './point-passes.ts';

/** Points that an experiment looks at. */
export interface ChosenPoints {
  /** Points of one sample: 1 for images, tokens of a sequence for text. */
  readonly stride: number;
  /** `[points]` numbers `sample * stride + token`, ascending. */
  readonly points: readonly number[];
  /** `[points]` class, -1 for none. */
  readonly labels: readonly number[];
}

/** Positions of a sequence, evenly spaced, none in its first part, where attention has too little to look at. */
const POSITIONS = 6;
const LEFT_OUT = 0.1;
const DRAW_STREAM = 1;
/** Sequences that are read at once while points are drawn. */
const READ_SEQUENCES = 512;
/** Bytes of the tensors of one forward pass, and its samples. */
const PASS_BYTES = 2 ** 26;
const PASS_SAMPLES = 256;

/**
 * Draws images, or tokens of sequences.
 * @throws PipelineError `data-invalid` where there are fewer than `least`.
 */
export async function choosePoints(
  samples: Samples,
  options: { readonly text: boolean; readonly wanted: number; readonly least: number; readonly seed: number },
): Promise<ChosenPoints> {
  const all = Int32Array.from({ length: samples.count }, (_, i) => i);
  const order = shuffle(all, randomStream(options.seed, DRAW_STREAM));
  const chosen = options.text
    ? await chooseTokens(samples, order, options.wanted)
    : await chooseImages(samples, order.slice(0, options.wanted).sort());
  if (chosen.points.length >= options.least) return chosen;
  throw new PipelineError({
    kind: 'data-invalid',
    what: 'there are too few points to be clustered',
    where: 'dataset.rows',
    value: `${chosen.points.length} points, ${options.least} needed`,
    remedy: 'Use more data, or a smaller minClusterSize and minSamples.',
  });
}

/** The same points for the layers table. */
export function codedPoints({ stride, points }: ChosenPoints): CodedPoints {
  return { stride, points, areKept: false };
}

async function chooseImages(samples: Samples, numbers: Int32Array): Promise<ChosenPoints> {
  const labels = await samples.labels();
  return {
    stride: 1,
    points: Array.from(numbers),
    labels: Array.from(numbers, (number) => labels?.[number] ?? -1),
  };
}

async function chooseTokens(samples: Samples, order: Int32Array, wanted: number): Promise<ChosenPoints> {
  const stride = samples.shape[0]!;
  const found: { point: number; label: number }[] = [];
  for (let first = 0; first < order.length && found.length < wanted; first += READ_SEQUENCES) {
    const numbers = order.slice(first, first + Math.min(READ_SEQUENCES, Math.ceil(wanted / POSITIONS)));
    const { labels, tokens } = await samples.read(numbers);
    let start = 0;
    numbers.forEach((sample, i) => {
      for (const token of tokenPositions(tokens!.lengths[i]!, stride))
        found.push({ point: sample * stride + token, label: labels?.[start + token] ?? -1 });
      start += tokens!.lengths[i]!;
    });
  }
  const kept = found.slice(0, wanted).sort((a, b) => a.point - b.point);
  return { stride, points: kept.map(({ point }) => point), labels: kept.map(({ label }) => label) };
}

/** Evenly spaced positions behind the first part of the context; fewer in short sequences. */
export function tokenPositions(length: number, contextTokens: number): number[] {
  const first = Math.ceil(LEFT_OUT * contextTokens);
  const room = Math.max(0, length - first);
  const count = Math.min(POSITIONS, room);
  return Array.from({ length: count }, (_, i) => first + Math.floor(((i + 0.5) * room) / count));
}

/** Points of one layer, row by row as they were chosen. */
export interface LayerPoints {
  /** Channels at the centre (text: units of the token), pre- or post-activation. */
  readonly activations: Observations;
  /** `[rows, layerBytes]` their bits. */
  readonly layerCodes: Uint8Array;
  /** `[rows, outputBytes]` bits of all units of this tap and all behind it; null where not asked for. */
  readonly outputCodes: Uint8Array | null;
  /** `[rows]` bits of `layerCodes` that rounding could flip; null where not asked for. */
  readonly ambiguous: Int32Array | null;
  /** Model inputs; null for text. */
  readonly inputs: Observations | null;
  /** Text only: each token with its neighbours. */
  readonly contexts: readonly string[] | null;
}

export interface LayerRequest {
  readonly chosen: Pick<ChosenPoints, 'points' | 'stride'>;
  readonly tap: number;
  readonly values: 'pre' | 'post';
  readonly toOutput: boolean;
  /** Whether to count bits that rounding could flip: one more forward pass. */
  readonly countAmbiguous: boolean;
  readonly signal: AbortSignal;
}

/**
 * Runs the samples of the points through the network.
 * @throws PipelineError `non-finite-input` where a pre-activation is not finite.
 */
export async function layerPoints(
  network: Network,
  samples: Samples,
  request: LayerRequest,
): Promise<LayerPoints> {
  const { chosen, signal } = request;
  const { points, stride } = chosen;
  const collector = new LayerCollector(network, points.length, request);
  const passes = {
    points,
    stride,
    to: collector.tensors,
    samplesPerPass: collector.samplesPerPass(stride),
    signal,
  };
  for await (const { batch, values, from, rows } of pointPasses(network, samples, passes)) {
    collector.add(values, rows, from);
    if (request.countAmbiguous) {
      const options = { tap: network.taps[request.tap]!.name, granularity: 'position' } as const;
      const counts = await network.ambiguous(batch.input, options);
      collector.addAmbiguous(counts.get(options.tap)!, rows, from);
    }
    if (batch.tokens === null) collector.addInputs(batch.input.data as Float32Array, rows, from);
    else collector.addContexts(batch.tokens, rows, stride);
  }
  return collector.finish();
}

/** Gathers rows of tensors as passes go by. */
class LayerCollector {
  readonly tensors: readonly string[];
  readonly #network: Network;
  readonly #request: LayerRequest;
  readonly #activations: Observations;
  readonly #layerCodes: Uint8Array;
  readonly #outputCodes: Uint8Array | null;
  readonly #outputBytes: number;
  readonly #ambiguous: Int32Array | null;
  readonly #contexts: string[] = [];
  #inputs: Observations | null = null;

  constructor(network: Network, rows: number, request: LayerRequest) {
    this.#network = network;
    this.#request = request;
    const { taps } = network;
    const behind = request.toOutput ? taps.slice(request.tap) : [taps[request.tap]!];
    const cols = taps[request.tap]!.channels;
    this.tensors = [...new Set([this.#valuesTensor(), ...behind.map(({ name }) => name)])];
    this.#activations = { values: new Float32Array(rows * cols), rows, cols };
    this.#layerCodes = new Uint8Array(rows * codeRowBytes(cols));
    this.#ambiguous = request.countAmbiguous ? new Int32Array(rows) : null;
    this.#outputBytes = behind.reduce((sum, { codeBits }) => sum + codeRowBytes(codeBits), 0);
    this.#outputCodes = request.toOutput ? new Uint8Array(rows * this.#outputBytes) : null;
  }

  samplesPerPass(stride: number): number {
    const floats = this.#network.taps.reduce((sum, { codeBits }) => sum + codeBits, 0) * stride;
    return Math.max(1, Math.min(PASS_SAMPLES, Math.floor(PASS_BYTES / (4 * floats))));
  }

  /** Takes the given rows of the tensors as points from `from` on. */
  add(values: ReadonlyMap<string, Float32Array>, rows: readonly number[], from: number): void {
    const { taps } = this.#network;
    const tap = taps[this.#request.tap]!;
    const { cols } = this.#activations;
    const behind = taps.slice(this.#request.tap);
    rows.forEach((row, i) => {
      const at = from + i;
      this.#activations.values.set(centre(values.get(this.#valuesTensor())!, row, tap), at * cols);
      const bits = packSigns(centre(values.get(tap.name)!, row, tap), { rows: 1, neurons: cols });
      this.#layerCodes.set(bits, at * bits.length);
      if (this.#outputCodes === null) return;
      let to = at * this.#outputBytes;
      for (const { name, codeBits } of behind) {
        const pre = values.get(name)!.subarray(row * codeBits, (row + 1) * codeBits);
        const code = packSigns(pre, { rows: 1, neurons: codeBits });
        this.#outputCodes.set(code, to);
        to += code.length;
      }
    });
  }

  /** @param counts - `[samples, positions]`, text `[samples x tokens]`. */
  addAmbiguous(counts: Float32Array, rows: readonly number[], from: number): void {
    const { height, width } = this.#network.taps[this.#request.tap]!;
    for (const [i, row] of rows.entries())
      this.#ambiguous![from + i] = counts[row * height * width + centrePosition({ height, width })]!;
  }

  addInputs(data: Float32Array, rows: readonly number[], from: number): void {
    const cols = this.#network.startSpaces[0]!.size;
    const all = this.#activations.rows;
    this.#inputs ??= { values: new Float32Array(all * cols), rows: all, cols };
    for (const [i, row] of rows.entries())
      this.#inputs.values.set(data.subarray(row * cols, (row + 1) * cols), (from + i) * cols);
  }

  addContexts(
    { lengths, contexts }: { readonly lengths: Int32Array; readonly contexts: readonly string[] },
    rows: readonly number[],
    stride: number,
  ): void {
    const starts = new Int32Array(lengths.length);
    for (let i = 1; i < starts.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!;
    for (const row of rows)
      this.#contexts.push(contexts[starts[Math.floor(row / stride)]! + (row % stride)]!);
  }

  finish(): LayerPoints {
    return {
      activations: this.#activations,
      layerCodes: this.#layerCodes,
      outputCodes: this.#outputCodes,
      ambiguous: this.#ambiguous,
      inputs: this.#inputs,
      contexts: this.#inputs === null ? this.#contexts : null,
    };
  }

  #valuesTensor(): string {
    const { taps, activations } = this.#network;
    return this.#request.values === 'pre' ? taps[this.#request.tap]!.name : activations[this.#request.tap]!;
  }
}
