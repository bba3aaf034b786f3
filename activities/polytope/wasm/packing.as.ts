// Packing kernels in AssemblyScript, compiled by infra/build-wasm.ts into packing-bytes.ts. Callers own the
// memory layout; pointers are byte offsets, and every function is a plain loop over rows, so nothing here
// allocates.

const ABS: v128 = i32x4.splat(0x7fffffff);
const ZERO: v128 = i32x4.splat(0);

// Hot loop (bench: test/bench/packing.bench.ts). 32 floats become one code word; 4-lane comparison masks are
// narrowed twice with saturation, which keeps lane order, so bit j of the mask is float j. Returns the
// largest |value| as raw bits: 0x7f800000 or more means that a value is infinite or NaN.
export function packFloats(src: usize, dst: usize, rows: u32, bits: u32, strideBytes: u32): u32 {
  let top0 = ZERO;
  let top1 = ZERO;
  let tailTop: u32 = 0;
  const whole: usize = bits & ~31;
  for (let row: u32 = 0; row < rows; row++) {
    let p = src + <usize>row * bits * 4;
    const end = p + whole * 4;
    let q = dst + <usize>row * strideBytes;
    const rowEnd = q + strideBytes;
    for (; p < end; p += 128, q += 4) {
      const a = v128.load(p);
      const b = v128.load(p, 16);
      const c = v128.load(p, 32);
      const d = v128.load(p, 48);
      const e = v128.load(p, 64);
      const f = v128.load(p, 80);
      const g = v128.load(p, 96);
      const h = v128.load(p, 112);
      const low = i8x16.narrow_i16x8_s(
        i16x8.narrow_i32x4_s(f32x4.gt(a, ZERO), f32x4.gt(b, ZERO)),
        i16x8.narrow_i32x4_s(f32x4.gt(c, ZERO), f32x4.gt(d, ZERO)),
      );
      const high = i8x16.narrow_i16x8_s(
        i16x8.narrow_i32x4_s(f32x4.gt(e, ZERO), f32x4.gt(f, ZERO)),
        i16x8.narrow_i32x4_s(f32x4.gt(g, ZERO), f32x4.gt(h, ZERO)),
      );
      store<u32>(q, i8x16.bitmask(low) | (i8x16.bitmask(high) << 16));
      top0 = i32x4.max_s(top0, i32x4.max_s(v128.and(a, ABS), v128.and(b, ABS)));
      top1 = i32x4.max_s(top1, i32x4.max_s(v128.and(c, ABS), v128.and(d, ABS)));
      top0 = i32x4.max_s(top0, i32x4.max_s(v128.and(e, ABS), v128.and(f, ABS)));
      top1 = i32x4.max_s(top1, i32x4.max_s(v128.and(g, ABS), v128.and(h, ABS)));
    }
    let word: u32 = 0;
    for (let j: u32 = 0; j < (bits & 31); j++, p += 4) {
      word |= <u32>(load<f32>(p) > 0) << j;
      const magnitude = load<u32>(p) & 0x7fffffff;
      if (magnitude > tailTop) tailTop = magnitude;
    }
    if (bits & 31) {
      store<u32>(q, word);
      q += 4;
    }
    for (; q < rowEnd; q++) store<u8>(q, 0);
  }
  const top = i32x4.max_s(top0, top1);
  let most = tailTop;
  most = max(most, i32x4.extract_lane(top, 0));
  most = max(most, i32x4.extract_lane(top, 1));
  most = max(most, i32x4.extract_lane(top, 2));
  return max(most, i32x4.extract_lane(top, 3));
}

// Bytes that are 0 or 1 (ONNX bool) to bits.
export function packBools(src: usize, dst: usize, rows: u32, bits: u32, strideBytes: u32): void {
  const whole: usize = bits & ~31;
  for (let row: u32 = 0; row < rows; row++) {
    let p = src + <usize>row * bits;
    const end = p + whole;
    let q = dst + <usize>row * strideBytes;
    const rowEnd = q + strideBytes;
    for (; p < end; p += 32, q += 4) {
      const low = i8x16.bitmask(i8x16.shl(v128.load(p), 7));
      store<u32>(q, low | (i8x16.bitmask(i8x16.shl(v128.load(p, 16), 7)) << 16));
    }
    let word: u32 = 0;
    for (let j: u32 = 0; j < (bits & 31); j++, p++) word |= <u32>(load<u8>(p) & 1) << j;
    if (bits & 31) {
      store<u32>(q, word);
      q += 4;
    }
    for (; q < rowEnd; q++) store<u8>(q, 0);
  }
}

// Per group a bit matrix [rows][cols] to [cols][rows]; strides are whole bytes and destination rows are
// cleared first. An 8x8 block is gathered into one u64 and transposed by three masked swaps.
export function transposeBits(
  src: usize, dst: usize, groups: u32, rows: u32, cols: u32, srcStride: u32, dstStride: u32,
): void {
  memory.fill(dst, 0, <usize>groups * cols * dstStride);
  for (let group: u32 = 0; group < groups; group++) {
    const from = src + <usize>group * rows * srcStride;
    const to = dst + <usize>group * cols * dstStride;
    for (let r: u32 = 0; r < rows; r += 8) {
      const height = min(8, rows - r);
      for (let c: u32 = 0; c < cols; c += 8) {
        let block: u64 = 0;
        const top = from + <usize>r * srcStride + (c >> 3);
        for (let i: u32 = 0; i < height; i++) block |= <u64>load<u8>(top + <usize>i * srcStride) << (i << 3);
        block = transpose8(block);
        const width = min(8, cols - c);
        const left = to + <usize>c * dstStride + (r >> 3);
        for (let j: u32 = 0; j < width; j++) store<u8>(left + <usize>j * dstStride, <u8>(block >> (j << 3)));
      }
    }
  }
}

// Per row, how many values lie in (-limit, limit).
export function countWithin(src: usize, dst: usize, rows: u32, bits: u32, limit: f32): void {
  const bound = f32x4.splat(limit);
  for (let row: u32 = 0; row < rows; row++) {
    let p = src + <usize>row * bits * 4;
    const end = p + <usize>bits * 4;
    let lanes = ZERO;
    for (; p + 16 <= end; p += 16) lanes = i32x4.sub(lanes, f32x4.lt(f32x4.abs(v128.load(p)), bound));
    let count = i32x4.extract_lane(lanes, 0) + i32x4.extract_lane(lanes, 1);
    count += i32x4.extract_lane(lanes, 2) + i32x4.extract_lane(lanes, 3);
    for (; p < end; p += 4) count += <i32>(abs(load<f32>(p)) < limit);
    store<u32>(dst + <usize>row * 4, count);
  }
}

// Per row the L2 norm; sums in double, so a row of finite floats never overflows.
export function rowNorms(src: usize, dst: usize, rows: u32, values: u32): void {
  for (let row: u32 = 0; row < rows; row++) {
    let p = src + <usize>row * values * 4;
    const end = p + <usize>values * 4;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; p + 16 <= end; p += 16) {
      const v = v128.load(p);
      const a = f64x2.promote_low_f32x4(v);
      const b = f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 0));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    const sums = f64x2.add(low, high);
    let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
    for (; p < end; p += 4) sum += <f64>load<f32>(p) * <f64>load<f32>(p);
    store<f32>(dst + <usize>row * 4, <f32>sqrt(sum));
  }
}

function transpose8(x: u64): u64 {
  let t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa;
  x = x ^ t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000cccc;
  x = x ^ t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0;
  return x ^ t ^ (t << 28);
}
