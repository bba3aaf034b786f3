// A target of one's own: two round wells, joined by a narrow neck. Only `dim` and `logDensity` are needed.
import { numpy as np } from '@jax-js/jax';

/** @param options - `half`: distance of each well from the middle. */
export function target({ half }) {
  return {
    dim: 2,
    // z is a jax-js array [batch, 2]; the result is [batch], a natural logarithm that need not be normalised. jax-js frees
    // an array at its use: `.ref` keeps it for another one.
    logDensity(z) {
      const [x, y] = [z.ref.slice([], 0), z.slice([], 1)];
      const well = (centre) => np.square(x.ref.sub(centre)).add(np.square(y.ref)).mul(-0.5);
      const wells = np.logaddexp(well(-half), well(half));
      // The neck: a ridge along y = 0 of standard deviation 0.2.
      const neck = np
        .square(y.ref.div(0.2))
        .add(np.square(x.ref.div(half)))
        .mul(-0.5)
        .sub(3);
      return np.logaddexp(wells, neck);
    },
  };
}
