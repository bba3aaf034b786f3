// Crossings of many paths as they are found, and what is reported of each path in the end.

/** Crossings of one path, ascending in t, then tap, then unit; parallel arrays. */
export interface Flips {
  /** `[flips]` place on the path, 0 to 1. */
  readonly t: Float64Array;
  /** `[flips]` number of the event, from 0: flips less than 1e-12 apart form one. */
  readonly event: Int32Array;
  /** `[flips]` index into the net's taps. */
  readonly tap: Int32Array;
  /** `[flips]` unit (pool: window) within the tap. */
  readonly unit: Int32Array;
  /** `[flips]` 1 where the tap is a max-pool and its symbol changes, 0 where a bit flips. */
  readonly isPool: Uint8Array;
  /** `[flips]` 1 where the bit is on behind the crossing; pool: where the new symbol is not 0. */
  readonly toOn: Uint8Array;
}

/** What lies on one path. */
export interface PathCrossings {
  /** False where the codes were only sampled: then every count is a lower bound. */
  readonly exact: boolean;
  /** Points of the path at which the codes were sampled; 0 where they are exact. */
  readonly samples: number;
  /** Bit flips, all taps but the pools. */
  readonly crossings: number;
  /** Distinct places of those flips. */
  readonly events: number;
  /** Changes of max-pool symbols, kept apart: the default boundary density has none of them. */
  readonly poolCrossings: number;
  /** Differing bits of the two end points, all taps but the pools; never above `crossings`. */
  readonly hamming: number;
  /** `[taps]` */
  readonly tapCrossings: Int32Array;
  /** `[taps]` differing bits (pool: symbols) of the two end points. */
  readonly tapHamming: Int32Array;
  readonly flips: Flips;
  /**
   * `[breakpoints]` ascending, from 0 to 1: between two of them every tensor is affine in t. Kinks that flip no bit (the
   * upper bend of Clip, a change of winner below zero) are among them. Empty where the codes were only sampled.
   */
  readonly breakpoints: Float64Array;
  /** `[breakpoints, net.outputs]` outputs at the breakpoints, where asked for. */
  readonly outputs: Float64Array | null;
  /** Lengths of the path's image in every tap, where asked for. */
  readonly lengths: TapLengths | null;
}

/** Lengths in the units of the tap's space. */
export interface TapLengths {
  /** `[taps]` of the pre-activations (pool: of its inputs). */
  readonly before: Float64Array;
  /** `[taps]` of the activations; NaN for pools and where the slope below zero is not known. */
  readonly after: Float64Array;
}

/** Flips closer than this form one event. */
const SAME_EVENT = 1e-12;
const POOL = 2;
const TO_ON = 1;

/** Flips of all paths in the order in which they are found. */
export class CrossingLog {
  count = 0;
  path: Int32Array = new Int32Array(1024);
  t: Float64Array = new Float64Array(1024);
  tap: Int32Array = new Int32Array(1024);
  unit: Int32Array = new Int32Array(1024);
  flags: Uint8Array = new Uint8Array(1024);

  add(path: number, tap: number, unit: number, t: number, flags: number): void {
    if (this.count === this.t.length) this.#grow();
    const at = this.count++;
    this.path[at] = path;
    this.t[at] = t;
    this.tap[at] = tap;
    this.unit[at] = unit;
    this.flags[at] = flags;
  }

  /** The flips of every path, in order. */
  flips(paths: number): Flips[] {
    const start = new Int32Array(paths + 1);
    for (let i = 0; i < this.count; i++) start[this.path[i]! + 1]!++;
    for (let path = 0; path < paths; path++) start[path + 1]! += start[path]!;
    const filled = start.slice(0, paths);
    const order = new Int32Array(this.count);
    for (let i = 0; i < this.count; i++) order[filled[this.path[i]!]!++] = i;
    return Array.from({ length: paths }, (_, path) =>
      this.#ordered(order.subarray(start[path]!, start[path + 1]!)),
    );
  }

  #ordered(rows: Int32Array): Flips {
    const { t, tap, unit } = this;
    rows.sort((a, b) => t[a]! - t[b]! || tap[a]! - tap[b]! || unit[a]! - unit[b]!);
    const count = rows.length;
    const flips = {
      t: new Float64Array(count),
      event: new Int32Array(count),
      tap: new Int32Array(count),
      unit: new Int32Array(count),
      isPool: new Uint8Array(count),
      toOn: new Uint8Array(count),
    };
    // Loops, as typed arrays' `from` takes longer than solving a small net (bench: crossings).
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      flips.t[i] = t[row]!;
      flips.tap[i] = tap[row]!;
      flips.unit[i] = unit[row]!;
      flips.isPool[i] = this.flags[row]! >> 1;
      flips.toOn[i] = this.flags[row]! & TO_ON;
      if (i > 0) flips.event[i] = flips.event[i - 1]! + (flips.t[i]! - flips.t[i - 1]! < SAME_EVENT ? 0 : 1);
    }
    return flips;
  }

  #grow(): void {
    const wider = <T extends Int32Array | Float64Array | Uint8Array>(old: T): T => {
      const next = new (old.constructor as new (length: number) => T)(old.length * 2);
      next.set(old);
      return next;
    };
    this.path = wider(this.path);
    this.t = wider(this.t);
    this.tap = wider(this.tap);
    this.unit = wider(this.unit);
    this.flags = wider(this.flags);
  }
}

/** Flags of a flip for {@link CrossingLog.add}. */
export function flipFlags(kind: 'relu' | 'pool', isOn: boolean): number {
  return (kind === 'pool' ? POOL : 0) | (isOn ? TO_ON : 0);
}

/** How many distinct events the bit flips make, pools left out. */
export function bitEvents({ event, isPool }: Pick<Flips, 'event' | 'isPool'>): number {
  let events = 0;
  let last = -1;
  for (let i = 0; i < event.length; i++) {
    if (isPool[i] === 1 || event[i] === last) continue;
    last = event[i]!;
    events++;
  }
  return events;
}
