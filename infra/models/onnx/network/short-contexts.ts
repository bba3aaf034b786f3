// Text models on fewer tokens. Where a token's values do not follow the tokens behind it, what happens around it is the same in
// a shorter sequence, which is a fraction of the work.

import type { InputTensor } from '../../../../activities/ports.ts';
import type { Forward } from './forward.ts';
import type { OpenedModel } from './opened-model.ts';

/** A model for one length of sequences, with its forward passes. */
export interface Context {
  readonly model: OpenedModel;
  readonly forward: Forward;
}

interface At {
  /** One sequence. */
  readonly base: InputTensor;
  readonly token: number;
}

/** Lengths are multiples of this, so that few models are opened. */
const STEP_TOKENS = 16;
/** Values of a token that differ by less, relative to the largest, are the same: float32 sums in another order. */
const SAME = 1e-3;

export class ShortContexts {
  readonly #full: Context;
  readonly #open: (tokens: number) => Promise<Context>;
  readonly #opened = new Map<number, Promise<Context>>();
  #looksAhead: Promise<boolean> | null = null;

  /** @param open - opens the same model for sequences of so many tokens. */
  constructor(full: Context, open: (tokens: number) => Promise<Context>) {
    this.#full = full;
    this.#open = open;
  }

  /** The shortest context that holds a token, with the sequence cut to it; the full one where later tokens matter. */
  async around<Place extends At | undefined>(at: Place): Promise<{ context: Context; at: Place }> {
    const full = { context: this.#full, at };
    const { tokens, input } = this.#full.model;
    if (at === undefined || tokens === null || typeof input.dims[1] === 'number') return full;
    const short = STEP_TOKENS * Math.ceil((at.token + 1) / STEP_TOKENS);
    if (!(at.token >= 0 && short < tokens) || at.base.data.length !== tokens) return full;
    this.#looksAhead ??= this.#compare(at, short);
    if (await this.#looksAhead) return full;
    return { context: await this.#context(short), at: { ...at, base: cut(at.base, short) } };
  }

  async close(): Promise<void> {
    for (const opened of this.#opened.values()) await (await opened.catch(() => null))?.forward.close();
    this.#opened.clear();
  }

  #context(tokens: number): Promise<Context> {
    const opened = this.#opened.get(tokens) ?? this.#open(tokens);
    this.#opened.set(tokens, opened);
    return opened;
  }

  /** Whether the token's pre-activations change where the tokens behind it are left out. True where the graph has one length. */
  async #compare({ base, token }: At, short: number): Promise<boolean> {
    const ids = Array.from(base.data, Number);
    // Words behind the token, not padding, which a model may ignore.
    const followed = ids.map((id, i) => BigInt(i <= token ? id : ids[i % (token + 1)]!));
    const sequence = { type: 'int64', data: BigInt64Array.from(followed), dims: base.dims } as const;
    const names = this.#full.model.taps.map(({ info }) => info.name);
    const opened = await this.#context(short).catch(() => null);
    if (opened === null) return true;
    const whole = await this.#full.forward.run(sequence, { to: names });
    const part = await opened.forward.run(cut(sequence, short), { to: names });
    return names.some((name) => {
      const row = (values: Float32Array, tokens: number) =>
        values.subarray((token * values.length) / tokens, ((token + 1) * values.length) / tokens);
      return differ(row(whole.get(name)!, ids.length), row(part.get(name)!, short));
    });
  }
}

function differ(a: Float32Array, b: Float32Array): boolean {
  const most = a.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return a.some((value, i) => !(Math.abs(value - b[i]!) <= SAME * most));
}

function cut({ type, data }: InputTensor, tokens: number): InputTensor {
  return { type, data: data.slice(0, tokens), dims: [1, tokens] } as InputTensor;
}
