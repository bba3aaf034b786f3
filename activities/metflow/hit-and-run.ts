// Hit-and-run within a polytope under a standard normal: a random line through the point, and on the stretch of it that
// lies inside an exact draw of the law along it. Nothing is ever refused.

import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import { truncatedNormal } from '../numeric/truncated-normal.ts';
import type { Kernel, Target } from './kernel.ts';
import { settleInside } from './settle.ts';
import { along, type WalledBlock, wallsOf } from './walls.ts';

export interface HitAndRunOptions {
  /** Lines of a step, each in every block of coordinates. */
  readonly lines: number;
}

/**
 * @throws PipelineError `config-invalid` where the target has no walls.
 * @see Smith, "Efficient Monte Carlo procedures for generating points uniformly distributed over bounded regions", 1984.
 */
export function buildHitAndRun(target: Target, { lines }: HitAndRunOptions): Kernel {
  const walls = wallsOf(target, 'hit_and_run');
  const { dim } = target;
  return {
    name: 'hit_and_run',
    parts: 1,
    async step(address, state, options) {
      const { chains } = address;
      const normals = new Float64Array(chains.length * lines * dim);
      const uniforms = new Float64Array(chains.length * lines * walls.length);
      fillNormals(normals, chains, { ...address, purpose: 'u' });
      fillUniforms(uniforms, chains, { ...address, purpose: 'accept' });
      const z = state.z.slice();
      for (let row = 0; row < chains.length; row++) {
        for (let line = 0; line < lines; line++) {
          const first = (row * lines + line) * dim;
          for (const [number, block] of walls.entries()) {
            const { from } = block;
            const at = z.subarray(row * dim + from, row * dim + from + block.dim);
            const direction = normals.subarray(first + from, first + from + block.dim);
            moveAlong(at, direction, {
              block,
              uniform: uniforms[(row * lines + line) * walls.length + number]!,
            });
          }
        }
      }
      return settleInside(target, state, { kernel: 'hit_and_run', z, ...options });
    },
  };
}

/** Draws the point anew on its chord. @param direction - `[dim]`, of any length; made a unit vector. */
function moveAlong(
  at: Float64Array,
  direction: Float64Array,
  { block, uniform }: { readonly block: WalledBlock; readonly uniform: number },
): void {
  const length = Math.hypot(...direction);
  let here = 0;
  for (let i = 0; i < at.length; i++) {
    direction[i]! /= length;
    here += at[i]! * direction[i]!;
  }
  let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let wall = 0; wall < block.offsets.length; wall++) {
    const slope = along(block, wall, direction);
    const reach = here - Math.max(0, along(block, wall, at) + block.offsets[wall]!) / slope;
    if (slope > 0) low = Math.max(low, reach);
    else if (slope < 0) high = Math.min(high, reach);
  }
  const step = truncatedNormal(uniform, low, high) - here;
  for (let i = 0; i < at.length; i++) at[i]! += step * direction[i]!;
}
