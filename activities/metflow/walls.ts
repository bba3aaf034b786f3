// Polytopes that a standard normal is cut down to: half-spaces, in blocks of coordinates that are independent of each
// other. Kernels that know the walls move within them and are never refused.

import { PipelineError } from '#schemas/errors.ts';
import type { Target } from './kernel.ts';

/** Some coordinates, and the half-spaces that they lie in: `normal . z + offset >= 0` for every wall. */
export interface WalledBlock {
  /** First coordinate. */
  readonly from: number;
  readonly dim: number;
  /** `[walls, dim]`, of unit length. */
  readonly normals: Float64Array;
  /** `[walls]` distances of the origin, negative where it is outside. */
  readonly offsets: Float64Array;
}

/** Every coordinate lies in one block. */
export type Walls = readonly WalledBlock[];

/** Scalar product of a wall's normal with the coordinates of a block. @param values - `[dim]` of the block alone. */
export function along({ dim, normals }: WalledBlock, wall: number, values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < dim; i++) sum += normals[wall * dim + i]! * values[i]!;
  return sum;
}

/** @throws PipelineError `config-invalid` where the target is no polytope's. */
export function wallsOf({ walls }: Pick<Target, 'walls'>, kernel: string): Walls {
  if (walls !== undefined) return walls;
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'kernels',
    what: `the kernel ${kernel} moves within the walls of a polytope, and the target has none`,
    remedy: 'Give the target polytope or polytope_levels, or another kernel.',
  });
}
