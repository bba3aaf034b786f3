// The path's density and the bound, against quadrature, forward simulation and cases known in closed form.

import { describe, expect, it } from 'vitest';
import { unpackParameters } from '../../activities/metflow/parameters.ts';
import { elboTerms } from '../../activities/metflow/path/elbo.ts';
import { permutation } from '../../activities/metflow/flows/permutation.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import {
  boundKernels,
  logInitial,
  pathModel,
  type PathModel,
} from '../../activities/metflow/path/path-model.ts';
import { noiseArrays } from '../../activities/metflow/path/path-noise.ts';
import { logMarginal } from '../../activities/metflow/path/reverse.ts';
import { logChosen } from '../../activities/metflow/path/run-path.ts';
import { logNormal } from '../../activities/metflow/path/path-kernel.ts';
import {
  add,
  concatenate,
  indicator,
  mean,
  reshape,
  stopGradient,
  type JaxArray,
} from '../../activities/numeric/array-math.ts';
import type { NamedArrays } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { chiSquareTail } from '../../activities/numeric/gamma-distribution.ts';
import { flowPath, pathDims, pathNoise, stirredParameters, threeGaussians } from './path-fixture.ts';
import { compiled, type Arrays } from './traced.ts';

const target = threeGaussians();
const density = (z: JaxArray) => target.logDensity(z.ref);

/** log m(z | u) at given rows; innovation and directions are those of the noise's first row. */
async function marginalAt(
  model: PathModel,
  theta: Float64Array,
  points: Float64Array,
): Promise<Float64Array> {
  const rows = points.length / 2;
  const noise = frozen(pathNoise(model, rows, 1), rows);
  const call = await compiled(
    (args) => {
      const parameters = unpackParameters(args.theta!, model.parameters);
      const at = (z: JaxArray) => logInitial(model, parameters, z);
      const options = { draws: noiseArrays(model, args), density, rule: model.rule, logInitial: at };
      return { logDensity: logMarginal(boundKernels(model, parameters), args.z!, options) };
    },
    { ...pathDims(model, rows), z: [rows, 2] },
  );
  const { logDensity } = await call({ theta, ...noise, z: points });
  await call.close();
  return logDensity!;
}

/** Every row gets the first row's innovation and direction. */
function frozen(noise: Arrays, rows: number): Arrays {
  return Object.fromEntries(
    Object.entries(noise).map(([name, values]) => {
      if (!/^(u|direction)\d/.test(name)) return [name, values];
      const width = values.length / rows;
      return [name, values.map((_, at) => values[at % width]!)];
    }),
  );
}

function gridPoints(half: number, step: number): Float64Array {
  const side = Math.round((2 * half) / step) + 1;
  return Float64Array.from({ length: 2 * side * side }, (_, at) => {
    const point = Math.floor(at / 2);
    return -half + step * (at % 2 === 0 ? point % side : Math.floor(point / side));
  });
}

describe('the density of a path, with its acceptances summed out', () => {
  it.each([
    // Leaky units have kinks, Metropolis acceptance has more: quadrature converges slowly there.
    ['barker', 'none', 3e-5],
    ['barker', 'free', 3e-5],
    ['metropolis', 'none', 3e-4],
  ] as const)('has mass 1 under %s acceptance, conditioning %s', async (rule, conditioning, tolerance) => {
    const model = flowPath(3, { rule, conditioning });
    const step = 0.1;
    const logDensity = await marginalAt(model, stirredParameters(model, 0.3), gridPoints(14, step));
    const mass = logDensity.reduce((total, value) => total + Math.exp(value), 0) * step * step;
    expect(Math.abs(mass - 1)).toBeLessThan(tolerance);
  });

  it('is the density of what the path simulates (chi-square of 2e5 draws, false alarms 1e-3)', async () => {
    const model = flowPath(2, { rule: 'metropolis', conditioning: 'free' });
    const theta = stirredParameters(model, 0.3);
    const rows = 200_000;
    const noise = frozen(pathNoise(model, rows, 1), rows);
    const call = await compiled(
      (args) => {
        const parameters = unpackParameters(args.theta!, model.parameters);
        return {
          z: elboTerms(model, parameters, { draws: noiseArrays(model, args), density }).steps.at(-1)!.after.z,
        };
      },
      pathDims(model, rows),
    );
    const { z } = await call({ theta, ...noise });
    await call.close();
    const [half, bins, fine] = [6, 12, 20];
    const cell = (2 * half) / bins;
    const counts = new Float64Array(bins * bins);
    for (let row = 0; row < rows; row++) {
      const [i, j] = [z![2 * row]!, z![2 * row + 1]!].map((value) => Math.floor((value + half) / cell));
      if (i! >= 0 && i! < bins && j! >= 0 && j! < bins) counts[i! * bins + j!]!++;
    }
    const masses = await cellMasses(model, theta, { half, bins, fine });
    let [statistic, cells] = [0, 0];
    for (const [at, mass] of masses.entries()) {
      if (rows * mass < 20) continue;
      statistic += (counts[at]! - rows * mass) ** 2 / (rows * mass);
      cells++;
    }
    expect(cells).toBeGreaterThan(40);
    expect(chiSquareTail(statistic, cells)).toBeGreaterThan(1e-3);
  });
});

/** Midpoint masses of square cells. */
async function cellMasses(
  model: PathModel,
  theta: Float64Array,
  { half, bins, fine }: { half: number; bins: number; fine: number },
): Promise<Float64Array> {
  const side = bins * fine;
  const step = (2 * half) / side;
  const points = Float64Array.from({ length: 2 * side * side }, (_, at) => {
    const point = Math.floor(at / 2);
    return -half + step * (0.5 + (at % 2 === 0 ? Math.floor(point / side) : point % side));
  });
  const logDensity = await marginalAt(model, theta, points);
  const masses = new Float64Array(bins * bins);
  for (const [point, value] of logDensity.entries()) {
    const [i, j] = [Math.floor(Math.floor(point / side) / fine), Math.floor((point % side) / fine)];
    masses[i * bins + j]! += Math.exp(value) * step * step;
  }
  return masses;
}

describe('the bound', () => {
  it('is below log Z, and closest under the exact reverse law', async () => {
    const rows = 4000;
    const integrands: Record<string, Float64Array> = {};
    for (const law of ['uniform', 'exact'] as const) {
      const model = flowPath(3, { reverse: { law } });
      integrands[law] = await integrandOf(model, stirredParameters(model, 0.3), rows);
    }
    const { uniform, exact } = integrands;
    // On the same paths, the difference is log m(a | z, u) + K log 2, whose mean is a divergence from uniform.
    const gaps = exact!.map((value, row) => value - uniform![row]!);
    const gap = meanAndError(gaps);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * Math.LN2 + 1e-9);
    expect(gap.mean).toBeGreaterThan(5 * gap.error);
    const { mean: bound, error } = meanAndError(exact!);
    expect(bound + 5 * error).toBeLessThan(target.logZ!);
  });

  it.each(['metropolis', 'barker'] as const)(
    'of identity maps is that of the start, under %s',
    async (rule) => {
      const steps = 4;
      const identity = flowKernel(permutation({ order: [0, 1] }));
      const model = pathModel({
        dim: 2,
        groups: [{ kernel: identity, count: steps, conditioning: 'none' }],
        initial: { law: 'learned', scale: 1.3 },
        reverse: { law: 'uniform' },
        rule,
      });
      const rows = 50;
      const theta = stirredParameters(model, 0.1);
      const call = await compiled(
        (args) => {
          const parameters = unpackParameters(args.theta!, model.parameters);
          const {
            steps: made,
            integrand,
            logStart,
          } = elboTerms(model, parameters, {
            draws: noiseArrays(model, args),
            density,
          });
          const logs = concatenate(
            made.map((step) => reshape(stopGradient(logChosen(step)), [1, rows])),
            0,
          );
          const start = density(made[0]!.before.z);
          return { integrand, logStart, start, logs, accepted: mean(indicator(made[0]!.accepted, start)) };
        },
        pathDims(model, rows),
      );
      const found = await call({ theta, ...pathNoise(model, rows, 2) });
      await call.close();
      const loss = rule === 'metropolis' ? steps * Math.LN2 : 0;
      for (let row = 0; row < rows; row++) {
        const plain = found.start![row]! - found.logStart![row]!;
        expect(found.integrand![row]).toBeCloseTo(plain - loss, 12);
      }
      const wanted = rule === 'metropolis' ? 0 : -Math.LN2;
      for (const value of found.logs!) expect(value).toBeCloseTo(wanted, 12);
      if (rule === 'metropolis') expect(found.accepted![0]).toBe(1);
    },
  );

  it('is log Z exactly where the start is the target', async () => {
    const model = pathModel({
      dim: 2,
      groups: [{ kernel: flowKernel(permutation({ order: [1, 0] })), count: 3, conditioning: 'none' }],
      initial: { law: 'frozen', scale: 1 },
      reverse: { law: 'exact' },
    });
    // 5 N(0, I): log Z = log 5.
    const scaled = (z: JaxArray) => logNormalPlus(z, Math.log(5));
    const rows = 20;
    const call = await compiled(
      ({ theta: _, ...args }: NamedArrays) => {
        const { integrand } = elboTerms(model, {}, { draws: noiseArrays(model, args), density: scaled });
        return { integrand };
      },
      { ...pathDims(model, rows), theta: [1] },
    );
    const { integrand } = await call({ theta: Float64Array.of(0), ...pathNoise(model, rows, 3) });
    await call.close();
    for (const value of integrand!) expect(value).toBeCloseTo(Math.log(5), 12);
  });
});

async function integrandOf(model: PathModel, theta: Float64Array, rows: number): Promise<Float64Array> {
  const call = await compiled(
    (args) => {
      const parameters = unpackParameters(args.theta!, model.parameters);
      return {
        integrand: elboTerms(model, parameters, { draws: noiseArrays(model, args), density }).integrand,
      };
    },
    pathDims(model, rows),
  );
  const { integrand } = await call({ theta, ...pathNoise(model, rows, 4) });
  await call.close();
  return integrand!;
}

function meanAndError(values: Float64Array): { readonly mean: number; readonly error: number } {
  const centre = values.reduce((total, value) => total + value, 0) / values.length;
  const variance = values.reduce((total, value) => total + (value - centre) ** 2, 0) / values.length;
  return { mean: centre, error: Math.sqrt(variance / values.length) };
}

function logNormalPlus(z: JaxArray, constant: number): JaxArray {
  return add(logNormal(z), constant);
}
