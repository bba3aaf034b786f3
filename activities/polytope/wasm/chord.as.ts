// Rows of doubles along a path, in AssemblyScript, compiled by infra/build-wasm.ts into chord-bytes.ts. Callers
// own the memory layout; pointers are byte offsets, nothing here allocates. Two lanes at a time, so every
// element's arithmetic is the same wherever it lies in its row.

// Hot loop (bench: test/bench/crossings.bench.ts). Values of `row` within `tolerance` of `level` become `level`
// (none where it is negative). Writes the columns in which `prev` and `row` do not lie strictly on one side of the
// level, ascending, and returns how many. A difference of finite doubles is zero only where they are equal; a
// product may underflow to zero, which only means a column too many.
export function scanRow(
  prev: usize, row: usize, count: u32, level: f64, tolerance: f64, out: usize,
): u32 {
  const levels = f64x2.splat(level);
  const tolerances = f64x2.splat(tolerance);
  const zero = f64x2.splat(0);
  let q = out;
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4, prev += 32, row += 32) {
    const b0 = v128.load(row);
    const b1 = v128.load(row, 16);
    const d0 = f64x2.sub(b0, levels);
    const d1 = f64x2.sub(b1, levels);
    const near0 = f64x2.le(f64x2.abs(d0), tolerances);
    const near1 = f64x2.le(f64x2.abs(d1), tolerances);
    const p0 = f64x2.mul(f64x2.sub(v128.load(prev), levels), d0);
    const p1 = f64x2.mul(f64x2.sub(v128.load(prev, 16), levels), d1);
    const hit0 = v128.or(near0, f64x2.le(p0, zero));
    const hit1 = v128.or(near1, f64x2.le(p1, zero));
    if (!v128.any_true(v128.or(hit0, hit1))) continue;
    v128.store(row, v128.bitselect(levels, b0, near0));
    v128.store(row, v128.bitselect(levels, b1, near1), 16);
    const mask = i64x2.bitmask(hit0) | (i64x2.bitmask(hit1) << 2);
    for (let lane: u32 = 0; lane < 4; lane++) {
      if (mask & (1 << lane)) {
        store<u32>(q, i + lane);
        q += 4;
      }
    }
  }
  for (; i < count; i++, prev += 8, row += 8) {
    const d = load<f64>(row) - level;
    const near = abs(d) <= tolerance;
    if (near) store<f64>(row, level);
    if (near || (load<f64>(prev) - level) * d <= 0) {
      store<u32>(q, i);
      q += 4;
    }
  }
  return <u32>((q - out) >> 2);
}

// out = a + u (b - a)
export function lerpRow(a: usize, b: usize, out: usize, count: u32, u: f64): void {
  const us = f64x2.splat(u);
  let i: u32 = 0;
  for (; i + 2 <= count; i += 2, a += 16, b += 16, out += 16) {
    const x = v128.load(a);
    v128.store(out, f64x2.add(x, f64x2.mul(us, f64x2.sub(v128.load(b), x))));
  }
  if (i < count) store<f64>(out, load<f64>(a) + u * (load<f64>(b) - load<f64>(a)));
}

// out = b - a
export function differRow(a: usize, b: usize, out: usize, count: u32): void {
  let i: u32 = 0;
  for (; i + 2 <= count; i += 2, a += 16, b += 16, out += 16) {
    v128.store(out, f64x2.sub(v128.load(b), v128.load(a)));
  }
  if (i < count) store<f64>(out, load<f64>(b) - load<f64>(a));
}

// out = a + factor * b; out may be a.
export function addRow(a: usize, b: usize, out: usize, count: u32, factor: f64): void {
  const factors = f64x2.splat(factor);
  let i: u32 = 0;
  for (; i + 2 <= count; i += 2, a += 16, b += 16, out += 16) {
    v128.store(out, f64x2.add(v128.load(a), f64x2.mul(factors, v128.load(b))));
  }
  if (i < count) store<f64>(out, load<f64>(a) + factor * load<f64>(b));
}
