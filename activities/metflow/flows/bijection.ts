// The contract of flows: maps of R^D to itself with an exact inverse and log determinant, traced by jax-js. A flow may
// depend on an innovation u, a second array of D columns, that is frozen while it maps.

import { PipelineError } from '#schemas/errors.ts';
import type { JaxArray } from '../../numeric/array-math.ts';
import type { ParameterSpec, Parameters } from '../parameters.ts';

/** Where rows go, and how volume changes there. */
export interface Mapped {
  /** `[rows, dim]`. */
  readonly z: JaxArray;
  /** `[rows]` log |det| of the map's Jacobian at the row it came from. */
  readonly logDet: JaxArray;
}

/**
 * Bare maths: shapes are checked once, by {@link applyForward} and {@link applyInverse}. `u` is null for a flow
 * without innovation.
 */
export interface Bijection {
  readonly dim: number;
  readonly usesInnovation: boolean;
  readonly parameters: readonly ParameterSpec[];
  forward(parameters: Parameters, z: JaxArray, u: JaxArray | null): Mapped;
  inverse(parameters: Parameters, z: JaxArray, u: JaxArray | null): Mapped;
}

/**
 * @param z - `[rows, dim]`.
 * @param u - `[rows, dim]` or `[1, dim]`; null where the flow takes none.
 * @throws PipelineError `shape-mismatch` for arrays of another shape.
 */
export function applyForward(
  flow: Bijection,
  parameters: Parameters,
  z: JaxArray,
  u: JaxArray | null,
): Mapped {
  checkShapes(flow, z, u);
  return flow.forward(parameters, z, u);
}

/** The inverse map; arguments and errors are those of {@link applyForward}. */
export function applyInverse(
  flow: Bijection,
  parameters: Parameters,
  z: JaxArray,
  u: JaxArray | null,
): Mapped {
  checkShapes(flow, z, u);
  return flow.inverse(parameters, z, u);
}

function checkShapes({ dim, usesInnovation }: Bijection, z: JaxArray, u: JaxArray | null): void {
  const rows = z.shape[0];
  const innovationFits = usesInnovation
    ? u !== null && u.shape.length === 2 && u.shape[1] === dim && (u.shape[0] === rows || u.shape[0] === 1)
    : u === null;
  if (z.shape.length === 2 && z.shape[1] === dim && innovationFits) return;
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: `a flow of dimension ${dim} maps rows of ${dim} columns ${usesInnovation ? 'with' : 'without'} innovation`,
    value: `z [${z.shape}], u ${u === null ? 'none' : `[${u.shape}]`}`,
  });
}
