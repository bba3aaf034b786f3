// jax-js names Float16Array when it loads, and Node 20 has none. Import this file before it. No program here uses
// 16-bit floats: the stand-in only lets the library load, and refuses to be used.

class MissingFloat16Array {
  constructor() {
    throw new TypeError('float16 arrays need a newer Node; use float32 or float64');
  }
}

(globalThis as { Float16Array?: unknown }).Float16Array ??= MissingFloat16Array;
