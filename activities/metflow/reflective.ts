// Hamiltonian steps of a standard normal within a polytope, solved exactly: the point goes round an ellipse and is
// reflected by every wall that it meets.

import { PipelineError } from '#schemas/errors.ts';
import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import type { Kernel, Target } from './kernel.ts';
import { settleInside } from './settle.ts';
import { along, type WalledBlock, wallsOf } from './walls.ts';

/**
 * Turns on both sides of a quarter, which forgets where it began wherever no wall is met. Were all of one length, a point whose
 * bounces off a wall took as long as that would come back to itself, and a chain begun there would hardly leave.
 */
const [LEAST_TRAVEL, MOST_TRAVEL] = [Math.PI / 4, (3 * Math.PI) / 4];

export interface ReflectiveOptions {
  /** Reflections after which a trajectory is given up, and the point stays; as many either way, so the law is kept. */
  readonly reflections: number;
}

/**
 * @throws PipelineError `config-invalid` where the target has no walls, or no reflection is allowed.
 * @see Pakman and Paninski, "Exact Hamiltonian Monte Carlo for truncated multivariate Gaussians", arXiv 1208.4118.
 */
export function buildReflective(target: Target, { reflections }: ReflectiveOptions): Kernel {
  const walls = wallsOf(target, 'reflective');
  const { dim } = target;
  if (!(Number.isInteger(reflections) && reflections >= 1)) {
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'kernels.reflections',
      what: 'a trajectory is reflected at least once before it is given up',
      value: String(reflections),
    });
  }
  return {
    name: 'reflective',
    parts: 1,
    async step(address, state, options) {
      const momentum = new Float64Array(state.z.length);
      const uniforms = new Float64Array(address.chains.length * walls.length);
      fillNormals(momentum, address.chains, { ...address, purpose: 'momentum' });
      fillUniforms(uniforms, address.chains, { ...address, purpose: 'accept' });
      const z = state.z.slice();
      for (let row = 0; row < address.chains.length; row++) {
        for (const [number, block] of walls.entries()) {
          const [from, to] = [row * dim + block.from, row * dim + block.from + block.dim];
          const uniform = uniforms[row * walls.length + number]!;
          travel(z.subarray(from, to), momentum.subarray(from, to), { block, reflections, uniform });
        }
      }
      return settleInside(target, state, { kernel: 'reflective', z, ...options });
    },
  };
}

/**
 * Moves the point of a block, and wears out the velocity; given up, it is left where it was.
 * @param options.uniform - in (0, 1), says how long.
 */
export function travel(
  z: Float64Array,
  velocity: Float64Array,
  {
    block,
    reflections,
    uniform,
  }: ReflectiveOptions & { readonly block: WalledBlock; readonly uniform: number },
): void {
  const start = z.slice();
  let left = LEAST_TRAVEL + (MOST_TRAVEL - LEAST_TRAVEL) * uniform;
  let last = -1;
  for (let met = 0; met <= reflections; met++) {
    const { wall, time } = firstWall(z, velocity, { block, last });
    turn(z, velocity, Math.min(time, left));
    if (time >= left) return;
    left -= time;
    const speed = along(block, wall, velocity);
    for (let i = 0; i < velocity.length; i++)
      velocity[i]! -= 2 * speed * block.normals[wall * block.dim + i]!;
    last = wall;
  }
  z.set(start);
}

/** Along `z cos t + v sin t` a wall's distance is `R cos(t - phase) + offset`: when it first becomes negative, and where. */
function firstWall(
  z: Float64Array,
  velocity: Float64Array,
  { block, last }: { readonly block: WalledBlock; readonly last: number },
): { readonly wall: number; readonly time: number } {
  let found = { wall: -1, time: Number.POSITIVE_INFINITY };
  for (const [wall, offset] of block.offsets.entries()) {
    const [a, b] = [along(block, wall, z), along(block, wall, velocity)];
    const radius = Math.hypot(a, b);
    if (radius <= Math.abs(offset)) continue;
    const half = Math.acos(-offset / radius);
    // From the wall itself it takes the whole arc back to it; rounding must not make that no time at all.
    const until = wall === last ? 2 * half : Math.atan2(b, a) + half;
    const time = until < 0 ? until + 2 * Math.PI : until;
    if (time < found.time) found = { wall, time };
  }
  return found;
}

function turn(z: Float64Array, velocity: Float64Array, time: number): void {
  const [cos, sin] = [Math.cos(time), Math.sin(time)];
  for (let i = 0; i < z.length; i++) {
    const [at, speed] = [z[i]!, velocity[i]!];
    z[i] = at * cos + speed * sin;
    velocity[i] = speed * cos - at * sin;
  }
}
