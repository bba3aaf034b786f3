// A user's own target: a module that exports `dim` and `logDensity(z)`, or a function of the options that gives them. It is
// bundled so that TypeScript works, and so that it traces with the same jax-js as this program.

import { createHash } from 'node:crypto';
import '../../activities/numeric/float16-array.ts';
import * as jax from '@jax-js/jax';
import { build, type Plugin } from 'esbuild';
import { PipelineError } from '#schemas/errors.ts';
import type { ModuleTarget } from '#schemas/metflow-targets.ts';
import type { JaxArray } from '../../activities/numeric/array-math.ts';
import { compileFunction } from '../../activities/numeric/jaxpr-to-onnx.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { canonicalJson } from '../config/config-hash.ts';
import type { NamedTarget } from './named-targets.ts';

/** What a module may export, itself or as what its `target(options)` returns. */
interface TargetExports {
  readonly dim?: unknown;
  readonly logDensity?: unknown;
  readonly logZ?: unknown;
  readonly target?: unknown;
}

/**
 * Loads a module and traces its density once, so that a wrong one is told before anything runs.
 * @throws PipelineError `data-missing` where there is no such file, `data-invalid` where it is no target.
 */
export async function loadTargetModule({ module, options }: ModuleTarget): Promise<NamedTarget> {
  const code = await bundled(module);
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`;
  const exported = (await import(url).catch((error) => {
    throw invalid(module, 'the module throws when it is loaded', error);
  })) as TargetExports;
  const traced = tracedTarget(module, madeBy(module, exported, options));
  const sha256 = createHash('sha256').update(code).update(canonicalJson(options)).digest('hex');
  return { name: 'module', sha256, traced, files: [{ key: 'target.module', file: module, sha256 }] };
}

/** Where a module finds this program's own jax-js: workers run from a bundle, which has a copy of its own inside. */
const JAX_KEY = 'tessera.jax';
Object.assign(globalThis, { [Symbol.for(JAX_KEY)]: jax });

/** The module's jax-js is this program's own, wherever module and program lie: arrays of another one are strangers. */
const ONE_JAX: Plugin = {
  name: 'one-jax',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@jax-js\/jax$/ }, () => ({ path: 'jax', namespace: 'one-jax' }));
    onLoad({ filter: /.*/, namespace: 'one-jax' }, () => {
      const names = Object.keys(jax).filter((name) => name !== 'default');
      const own = `globalThis[Symbol.for(${JSON.stringify(JAX_KEY)})]`;
      return { contents: `export const { ${names.join(', ')} } = ${own};` };
    });
  },
};

async function bundled(module: string): Promise<string> {
  try {
    const { outputFiles } = await build({
      entryPoints: [module],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
      plugins: [ONE_JAX],
    });
    return outputFiles[0]!.text;
  } catch (error) {
    const [first] =
      (error as { errors?: { text: string; location: { line: number } | null }[] }).errors ?? [];
    const missing = first?.location == null && /could not resolve/i.test(first?.text ?? '');
    throw new PipelineError(
      {
        kind: missing ? 'data-missing' : 'data-invalid',
        where: 'target.module',
        what: missing ? 'no such module' : `the module cannot be read: ${first?.text ?? String(error)}`,
        value: module,
        remedy: 'Paths in a config are relative to its folder.',
      },
      { cause: error },
    );
  }
}

function madeBy(module: string, exported: TargetExports, options: ModuleTarget['options']): TargetExports {
  if (typeof exported.target !== 'function') return exported;
  try {
    return exported.target(options) as TargetExports;
  } catch (error) {
    throw invalid(module, 'the target throws for these options', error);
  }
}

function tracedTarget(module: string, { dim, logDensity, logZ }: TargetExports): TracedTarget {
  if (typeof dim !== 'number' || !Number.isInteger(dim) || dim < 1)
    throw invalid(module, 'a target exports dim, a whole number from 1', `dim is ${String(dim)}`);
  if (typeof logDensity !== 'function')
    throw invalid(module, 'a target exports logDensity(z)', `it is ${typeof logDensity}`);
  const traced: TracedTarget = {
    dim,
    logDensity: (z: JaxArray) => logDensity(z) as JaxArray,
    ...(typeof logZ === 'number' ? { logZ } : {}),
  };
  checkTrace(module, traced);
  return traced;
}

function checkTrace(module: string, { dim, logDensity }: TracedTarget): void {
  const rows = 3;
  let dims: readonly number[] | undefined;
  try {
    const program = compileFunction(
      ({ z }) => ({ logDensity: logDensity(z!) }),
      [{ name: 'z', type: 'float64', dims: [rows, dim] }],
    );
    dims = program.outputs[0]?.dims;
  } catch (error) {
    throw invalid(module, 'logDensity cannot be traced', error);
  }
  if (dims?.length === 1 && dims[0] === rows) return;
  throw invalid(module, `logDensity turns [batch, ${dim}] into [batch]`, `[${dims}] for a batch of ${rows}`);
}

function invalid(module: string, what: string, found: unknown): PipelineError {
  const value = found instanceof Error ? found.message : String(found);
  const remedy = 'See docs/metflow-by-example.md, "A target of your own".';
  return new PipelineError(
    { kind: 'data-invalid', where: module, what, value, remedy },
    found instanceof Error ? { cause: found } : undefined,
  );
}
