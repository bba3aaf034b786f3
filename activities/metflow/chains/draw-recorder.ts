// The draws of one segment, as arrays by chain and draw.

import type { ChainState, StepInfo } from '../kernel.ts';

/** Draws `[from, to)` of some chains; every array is `[chains, draws]` (z: `[chains, draws, dim]`). */
export interface DrawRows {
  readonly numbers: Uint32Array;
  readonly dim: number;
  readonly from: number;
  readonly to: number;
  readonly z: Float64Array;
  readonly logDensity: Float64Array;
  /** Index into `kernels`: the kernel that moved the chain last since the draw before, else the last one tried. */
  readonly kernel: Int32Array;
  readonly kernels: readonly string[];
  /** 1 where any kernel moved the chain since the draw before. */
  readonly accepted: Uint8Array;
  /** Of that last move; 0 for none. */
  readonly direction: Int8Array;
  /** Distance from the draw before. */
  readonly jump: Float32Array;
}

/** What happened between two draws: positions before, the chains after, what each kernel step did, in order. */
export interface RecordedDraw {
  /** `[chains, dim]`. */
  readonly before: Float64Array;
  readonly after: Pick<ChainState, 'z' | 'logDensity'>;
  readonly infos: readonly StepInfo[];
}

/** Collects draws one after the other. */
export class DrawRecorder {
  readonly #rows: Omit<DrawRows, 'kernels'>;
  readonly #draws: number;
  readonly #kernels: string[] = [];
  #next = 0;

  constructor({ numbers, dim, from, to }: Pick<DrawRows, 'numbers' | 'dim' | 'from' | 'to'>) {
    this.#draws = to - from;
    const size = numbers.length * this.#draws;
    this.#rows = {
      numbers,
      dim,
      from,
      to,
      z: new Float64Array(size * dim),
      logDensity: new Float64Array(size),
      kernel: new Int32Array(size),
      accepted: new Uint8Array(size),
      direction: new Int8Array(size),
      jump: new Float32Array(size),
    };
  }

  add({ before, after, infos }: RecordedDraw): void {
    const { numbers, dim, z, logDensity, kernel, accepted, direction, jump } = this.#rows;
    const names = infos.map((info) => this.#numberOf(info.kernel));
    for (let chain = 0; chain < numbers.length; chain++) {
      const row = chain * this.#draws + this.#next;
      const last = infos.findLastIndex((info) => info.accepted[chain] === 1);
      z.set(after.z.subarray(chain * dim, (chain + 1) * dim), row * dim);
      logDensity[row] = after.logDensity[chain]!;
      kernel[row] = names[last === -1 ? names.length - 1 : last]!;
      accepted[row] = last === -1 ? 0 : 1;
      direction[row] = last === -1 ? 0 : infos[last]!.direction[chain]!;
      jump[row] = distance(before, after.z, chain * dim, dim);
    }
    this.#next++;
  }

  rows(): DrawRows {
    return { ...this.#rows, kernels: this.#kernels };
  }

  #numberOf(name: string): number {
    const known = this.#kernels.indexOf(name);
    return known === -1 ? this.#kernels.push(name) - 1 : known;
  }
}

function distance(a: Float64Array, b: Float64Array, from: number, dim: number): number {
  let squared = 0;
  for (let at = from; at < from + dim; at++) squared += (b[at]! - a[at]!) ** 2;
  return Math.sqrt(squared);
}
