// Autocovariances by a fast Fourier transform, zero padded so that lags do not wrap around.

/**
 * Biased autocovariances `c_t = 1/n sum_i (x_i - mean)(x_{i+t} - mean)` of one series for every lag below n.
 * @param series - `[n]`, finite.
 * @returns `[n]`.
 */
export function autocovariance(series: Float64Array): Float64Array {
  const n = series.length;
  if (n === 0) return new Float64Array(0);
  const places = fewPlaces(series);
  if (places !== null) return pairCovariances(places, n);
  const size = 2 ** Math.ceil(Math.log2(2 * n));
  const real = new Float64Array(size);
  const imaginary = new Float64Array(size);
  const mean = meanFrom(series);
  for (let i = 0; i < n; i++) real[i] = series[i]! - mean;
  transform(real, imaginary);
  for (let i = 0; i < size; i++) {
    real[i] = real[i]! * real[i]! + imaginary[i]! * imaginary[i]!;
    imaginary[i] = 0;
  }
  // The power spectrum is even, so that a second forward transform is the inverse but for its scale.
  transform(real, imaginary);
  return real.slice(0, n).map((sum) => sum / (size * n));
}

/** Pairs of ones are counted where that is cheaper than two transforms: about so many operations a value. */
const PAIR_OPERATIONS = 40;

/** Places of the rarer value of a series of 0 and 1; null for any other series, or where there are many. */
function fewPlaces(series: Float64Array): Int32Array | null {
  let ones = 0;
  for (const value of series) {
    if (value !== 0 && value !== 1) return null;
    ones += value;
  }
  // An indicator and its complement have the same covariances.
  const rarer = 2 * ones > series.length ? 0 : 1;
  const count = rarer === 1 ? ones : series.length - ones;
  if (count * count > 2 * PAIR_OPERATIONS * series.length) return null;
  const places = new Int32Array(count);
  let found = 0;
  for (const [i, value] of series.entries()) if (value === rarer) places[found++] = i;
  return places;
}

/** Covariances of an indicator with ones at `places`, ascending: the ones at lag t of each other are whole numbers. */
function pairCovariances(places: Int32Array, n: number): Float64Array {
  const pairs = new Float64Array(n);
  for (let i = 0; i < places.length; i++)
    for (let j = i; j < places.length; j++) pairs[places[j]! - places[i]!]!++;
  const mean = places.length / n;
  // Ones among the first n - t and among the last n - t values.
  let head = places.length;
  let tail = places.length;
  let fromEnd = places.length - 1;
  let fromStart = 0;
  return pairs.map((both, lag) => {
    while (fromEnd >= 0 && places[fromEnd]! >= n - lag) {
      fromEnd--;
      head--;
    }
    while (fromStart < places.length && places[fromStart]! < lag) {
      fromStart++;
      tail--;
    }
    return (both - mean * (head + tail) + (n - lag) * mean * mean) / n;
  });
}

/**
 * Discrete Fourier transform in place, `X_k = sum_j x_j exp(-2 pi i j k / n)`.
 * @param real - `[n]`, n a power of two.
 * @param imaginary - `[n]`.
 * @throws RangeError for another length.
 * @see Cooley and Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965.
 */
export function transform(real: Float64Array, imaginary: Float64Array): void {
  const n = real.length;
  if (n === 0 || (n & (n - 1)) !== 0 || imaginary.length !== n) {
    throw new RangeError(`a transform takes a power of two, not ${n} and ${imaginary.length} numbers`);
  }
  reverseBits(real, imaginary);
  // Each root on its own: products of roots would lose digits.
  const cosines = Float64Array.from({ length: n / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / n));
  const sines = Float64Array.from({ length: n / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / n));
  for (let half = 1; half < n; half *= 2) {
    const stride = n / (2 * half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const low = start + k;
        const high = low + half;
        const c = cosines[k * stride]!;
        const s = sines[k * stride]!;
        const turnedReal = real[high]! * c - imaginary[high]! * s;
        const turnedImaginary = real[high]! * s + imaginary[high]! * c;
        real[high] = real[low]! - turnedReal;
        imaginary[high] = imaginary[low]! - turnedImaginary;
        real[low]! += turnedReal;
        imaginary[low]! += turnedImaginary;
      }
    }
  }
}

function reverseBits(real: Float64Array, imaginary: Float64Array): void {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [real[i], real[j]] = [real[j]!, real[i]!];
    [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
  }
}

/** Relative to the first value, so that a constant series has its own value as its mean. */
function meanFrom(series: Float64Array): number {
  const first = series[0]!;
  let sum = 0;
  for (const value of series) sum += value - first;
  return first + sum / series.length;
}
