// Distances between many rows, and what is chosen by them, in AssemblyScript; compiled by infra/build-wasm.ts into
// neighbours-bytes.ts. Memory is imported and shared: threads write to disjoint rows of one result, each with a
// scratch of its own. Callers own the layout; pointers are byte offsets and nothing here allocates.
//
// Keys are f32 and grow with the distance: a Hamming distance itself, or a squared Euclidean one. One key is the same
// for (a, b) and (b, a) and in every function, for all take it from the same loops in the same order.
//
// Bits are counted by i64.popcnt: one instruction wherever wasm runs, and 1.6 times as fast as i8x16.popcnt, which
// x86 engines spell as six (bench: test/bench/clusters.bench.ts). Everything else takes four lanes at once.

const CODES: u32 = 0;
const LANES = 4;

// The others nearest to each listed row: per row a list of `kept` entries (key bits << 32 | index), ascending, so that
// ties go to the other that comes first.
export function nearest(
  scratch: usize, metric: u32, stride: usize, tile: u32,
  base: usize, rows: usize, from: u32, to: u32,
  others: usize, count: u32,
  lists: usize, kept: u32,
): void {
  for (let first: u32 = 0; first < count; first += tile) {
    const length = min(tile, count - first);
    for (let row = from; row < to; row += LANES) {
      const quad = min<u32>(LANES, to - row);
      fill(scratch, metric, stride, tile, base, rows + (row << 2), quad, others + (first << 2), length);
      for (let q: u32 = 0; q < quad; q++) {
        const list = lists + <usize>(row + q) * kept * 8;
        offer(list, list + (<usize>kept - 1) * 8, scratch + <usize>q * tile * 4, others + (first << 2), length);
      }
    }
  }
}

// Per listed row the nearest other of another component under mutual reachability max(core, core, distance). Others
// come by ascending core distance, so a row is done where they reach its best. `floors` are lower bounds: a best that
// meets its floor cannot be beaten.
export function outside(
  scratch: usize, metric: u32, stride: usize, tile: u32,
  base: usize, rows: usize, from: u32, to: u32,
  others: usize, count: u32, otherCores: usize, otherComponents: usize,
  cores: usize, components: usize, floors: usize, best: usize, found: usize,
): void {
  for (let first: u32 = 0; first < count; first += tile) {
    const length = min(tile, count - first);
    const start = <usize>first << 2;
    const lowest = load<f32>(otherCores + start);
    for (let row = from; row < to; row += LANES) {
      const quad = min<u32>(LANES, to - row);
      let open = false;
      for (let q: u32 = 0; q < quad; q++) {
        const bound = load<f32>(best + ((row + q) << 2));
        open = open || (lowest < bound && load<f32>(floors + ((row + q) << 2)) < bound);
      }
      if (!open) continue;
      fill(scratch, metric, stride, tile, base, rows + (row << 2), quad, others + start, length);
      for (let q: u32 = 0; q < quad; q++) {
        const at = (<usize>row + q) << 2;
        leave(
          scratch + <usize>q * tile * 4, length, others + start, otherCores + start, otherComponents + start,
          load<u32>(cores + at), load<u32>(components + at), best + at, found + at,
        );
      }
    }
  }
}

// Per listed row the sum of its distances (not keys) to all others, in f64 and in the others' order.
export function sums(
  scratch: usize, metric: u32, stride: usize, tile: u32,
  base: usize, rows: usize, from: u32, to: u32,
  others: usize, count: u32, out: usize,
): void {
  for (let row = from; row < to; row++) store<f64>(out + (<usize>row << 3), 0);
  for (let first: u32 = 0; first < count; first += tile) {
    const length = min(tile, count - first);
    for (let row = from; row < to; row += LANES) {
      const quad = min<u32>(LANES, to - row);
      fill(scratch, metric, stride, tile, base, rows + (row << 2), quad, others + (first << 2), length);
      for (let q: u32 = 0; q < quad; q++) {
        const at = out + ((<usize>row + q) << 3);
        let sum = load<f64>(at);
        const keys = scratch + <usize>q * tile * 4;
        for (let t: u32 = 0; t < length; t++) {
          const key = <f64>load<f32>(keys + (<usize>t << 2));
          sum += metric == CODES ? key : sqrt(key);
        }
        store<f64>(at, sum);
      }
    }
  }
}

// Keys from one row to others[from, to).
export function keys(
  scratch: usize, metric: u32, stride: usize, tile: u32,
  base: usize, row: usize, others: usize, from: u32, to: u32, out: usize,
): void {
  for (let first = from; first < to; first += tile) {
    const length = min(tile, to - first);
    fill(scratch, metric, stride, tile, base, row, 1, others + (first << 2), length);
    memory.copy(out + (<usize>first << 2), scratch, <usize>length << 2);
  }
}

// Keys of up to four rows against a run of others, one run of `tile` keys per row.
function fill(
  scratch: usize, metric: u32, stride: usize, tile: u32,
  base: usize, rows: usize, quad: u32, others: usize, length: u32,
): void {
  if (metric != CODES) {
    // Lanes past the quad repeat its last row: their keys are never read.
    const a = base + <usize>load<u32>(rows) * stride;
    const b = base + <usize>load<u32>(rows + (min<u32>(1, quad - 1) << 2)) * stride;
    const c = base + <usize>load<u32>(rows + (min<u32>(2, quad - 1) << 2)) * stride;
    const d = base + <usize>load<u32>(rows + (min<u32>(3, quad - 1) << 2)) * stride;
    fillVectors(scratch, stride, tile, a, b, c, d, base, others, length);
    return;
  }
  for (let q: u32 = 0; q < quad; q++) {
    const row = base + <usize>load<u32>(rows + (q << 2)) * stride;
    const out = scratch + <usize>q * tile * 4;
    if (stride == 16) fillShort(out, row, base, others, length);
    else if (stride == 64) fillLine(out, row, base, others, length);
    else fillLong(out, stride, row, base, others, length);
  }
}

// Codes of 128 bits.
function fillShort(out: usize, row: usize, base: usize, others: usize, length: u32): void {
  const w0 = load<u64>(row);
  const w1 = load<u64>(row, 8);
  const end = out + (<usize>length << 2);
  for (; out < end; out += 4, others += 4) {
    const other = base + (<usize>load<u32>(others) << 4);
    const bits = popcnt(w0 ^ load<u64>(other)) + popcnt(w1 ^ load<u64>(other, 8));
    store<f32>(out, <f32><i32>bits);
  }
}

// Codes of 512 bits, one cache line: the row stays in registers.
function fillLine(out: usize, row: usize, base: usize, others: usize, length: u32): void {
  const w0 = load<u64>(row);
  const w1 = load<u64>(row, 8);
  const w2 = load<u64>(row, 16);
  const w3 = load<u64>(row, 24);
  const w4 = load<u64>(row, 32);
  const w5 = load<u64>(row, 40);
  const w6 = load<u64>(row, 48);
  const w7 = load<u64>(row, 56);
  const end = out + (<usize>length << 2);
  for (; out < end; out += 4, others += 4) {
    const other = base + (<usize>load<u32>(others) << 6);
    const low = popcnt(w0 ^ load<u64>(other)) + popcnt(w1 ^ load<u64>(other, 8))
      + popcnt(w2 ^ load<u64>(other, 16)) + popcnt(w3 ^ load<u64>(other, 24));
    const high = popcnt(w4 ^ load<u64>(other, 32)) + popcnt(w5 ^ load<u64>(other, 40))
      + popcnt(w6 ^ load<u64>(other, 48)) + popcnt(w7 ^ load<u64>(other, 56));
    store<f32>(out, <f32><i32>(low + high));
  }
}

// Codes of any number of cache lines.
function fillLong(out: usize, stride: usize, row: usize, base: usize, others: usize, length: u32): void {
  for (let t: usize = 0; t < length; t++) {
    const other = base + <usize>load<u32>(others + (t << 2)) * stride;
    let bits: u64 = 0;
    for (let w: usize = 0; w < stride; w += 64) {
      const p = row + w;
      const q = other + w;
      bits += popcnt(load<u64>(p) ^ load<u64>(q)) + popcnt(load<u64>(p, 8) ^ load<u64>(q, 8))
        + popcnt(load<u64>(p, 16) ^ load<u64>(q, 16)) + popcnt(load<u64>(p, 24) ^ load<u64>(q, 24))
        + popcnt(load<u64>(p, 32) ^ load<u64>(q, 32)) + popcnt(load<u64>(p, 40) ^ load<u64>(q, 40))
        + popcnt(load<u64>(p, 48) ^ load<u64>(q, 48)) + popcnt(load<u64>(p, 56) ^ load<u64>(q, 56));
    }
    store<f32>(out + (t << 2), <f32><i32>bits);
  }
}

// Squared Euclidean distances of four rows at once: four chains of additions hide their latency, and what is loaded of
// the other row serves all four. Differences, not norms and products, which would cancel for close rows.
function fillVectors(
  out: usize, stride: usize, tile: u32,
  a: usize, b: usize, c: usize, d: usize, base: usize, others: usize, length: u32,
): void {
  const step = <usize>tile << 2;
  for (let t: usize = 0; t < length; t++) {
    const other = base + <usize>load<u32>(others + (t << 2)) * stride;
    let sumA = f32x4.splat(0);
    let sumB = f32x4.splat(0);
    let sumC = f32x4.splat(0);
    let sumD = f32x4.splat(0);
    for (let w: usize = 0; w < stride; w += 16) {
      const x = v128.load(other + w);
      const p = f32x4.sub(v128.load(a + w), x);
      const q = f32x4.sub(v128.load(b + w), x);
      const r = f32x4.sub(v128.load(c + w), x);
      const s = f32x4.sub(v128.load(d + w), x);
      sumA = f32x4.add(sumA, f32x4.mul(p, p));
      sumB = f32x4.add(sumB, f32x4.mul(q, q));
      sumC = f32x4.add(sumC, f32x4.mul(r, r));
      sumD = f32x4.add(sumD, f32x4.mul(s, s));
    }
    const at = out + (t << 2);
    store<f32>(at, total(sumA));
    store<f32>(at + step, total(sumB));
    store<f32>(at + 2 * step, total(sumC));
    store<f32>(at + 3 * step, total(sumD));
  }
}

// @ts-ignore: decorator
@inline
function total(sum: v128): f32 {
  return (f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1))
    + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
}

// Puts keys below the list's last one into their place. Most runs of sixteen hold none, so the list hardly matters.
// Keys are never negative, so their bits order as integers do, and integer minima are single instructions.
function offer(list: usize, last: usize, keys: usize, others: usize, length: u32): void {
  let bound = load<u32>(last, 4);
  for (let t: u32 = 0; t < length; t += 4 * LANES) {
    const at = keys + (<usize>t << 2);
    const low = i32x4.min_s(v128.load(at), v128.load(at, 16));
    const high = i32x4.min_s(v128.load(at, 32), v128.load(at, 48));
    if (!v128.any_true(i32x4.lt_s(i32x4.min_s(low, high), i32x4.splat(bound)))) continue;
    const end = min(length, t + 4 * LANES);
    for (let lane = t; lane < end; lane++) {
      const bits = load<u32>(keys + (<usize>lane << 2));
      if (bits >= bound) continue;
      insert(list, last, (<u64>bits << 32) | <u64>load<u32>(others + (<usize>lane << 2)));
      bound = load<u32>(last, 4);
    }
  }
}

function insert(list: usize, last: usize, entry: u64): void {
  let p = last;
  for (; p > list && load<u64>(p - 8) > entry; p -= 8) store<u64>(p, load<u64>(p - 8));
  store<u64>(p, entry);
}

// The least mutual reachability to another component among a run of others; the first of equals stays.
function leave(
  keys: usize, length: u32, others: usize, otherCores: usize, otherComponents: usize,
  core: u32, component: u32, best: usize, found: usize,
): void {
  let bound = load<u32>(best);
  const own = i32x4.splat(component);
  for (let t: u32 = 0; t < length; t += LANES) {
    const at = <usize>t << 2;
    const reach = i32x4.max_s(v128.load(keys + at), v128.load(otherCores + at));
    const other = i32x4.ne(v128.load(otherComponents + at), own);
    if (!v128.any_true(v128.and(other, i32x4.lt_s(reach, i32x4.splat(bound))))) continue;
    const end = min(length, t + LANES);
    for (let lane = t; lane < end; lane++) {
      const place = <usize>lane << 2;
      if (load<u32>(otherComponents + place) == component) continue;
      const far = max(max(load<u32>(keys + place), load<u32>(otherCores + place)), core);
      if (far >= bound) continue;
      bound = far;
      store<u32>(found, load<u32>(others + place));
    }
  }
  store<u32>(best, bound);
}
