// A config file as the run it asks for: read, overridden, validated, resolved, named and hashed.

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { parseDocument } from 'yaml';

import { PipelineError } from '#schemas/errors.ts';
import type { RunConfig } from '#schemas/messages.ts';
import { isObjectPath, joinPath, resolvePath } from '../blobs/object-path.ts';
import { configFault, quoteValue } from './config-faults.ts';
import { configSha256 } from './config-hash.ts';
import { absolutePaths, configFiles, isGlob, portablePaths, withOutputDir } from './config-paths.ts';
import {
  type ConfigForm,
  EXPERIMENTS,
  IMAGE_EXPERIMENTS,
  imagesForm,
  lensForm,
  metflowForm,
  sweepForm,
} from './config-schema.ts';
import { applySets } from './set-option.ts';
import { didYouMean } from './similar-name.ts';

/** A validated config with absolute paths. */
export interface LoadedRun<Config extends RunConfig = RunConfig> {
  readonly file: string;
  readonly runId: string;
  readonly config: Config;
  readonly configSha256: string;
  /** `<output.dir>/<run>`, absolute. */
  readonly runDir: string;
}

export interface LoadOptions {
  /** `a.b=c` overrides, applied before validation; paths in them are relative to the file too. */
  readonly sets?: readonly string[];
  /** Replaces `output.dir`; relative to the working folder, as a path on the command line is. */
  readonly out?: string | undefined;
  /** Lets the config name modules with code. */
  readonly allowCode?: boolean | undefined;
}

const KINDS = ['sweep', 'lens', 'metflow'] as const;

/**
 * Loads a config.
 * @throws PipelineError `config-invalid` naming key, value and what is allowed; `code-not-allowed` for a module.
 */
export function loadConfig(file: string, { sets = [], out, allowCode = false }: LoadOptions = {}): LoadedRun {
  const raw = applySets(parseConfigFile(file), sets);
  const { parser, schema } = formOf(file, raw);
  const parsed = parser.safeParse(raw);
  if (!parsed.success) {
    const { issues } = parsed.error;
    throw new PipelineError(configFault(file, { issues, raw, schema }));
  }
  if (!allowCode) refuseCode(file, parsed.data);
  const folder = dirname(resolve(file));
  const hash = configSha256(portablePaths(parsed.data, folder));
  const config = absolutePaths(parsed.data, folder);
  const dir = out === undefined ? config.output.dir : resolvePath(out);
  const runId = config.run ?? derivedRunId(file, hash);
  return {
    file: resolve(file),
    runId,
    config: withOutputDir(config, dir),
    configSha256: hash,
    runDir: joinPath(dir, runId),
  };
}

/**
 * Fails early, before any service is started, where the model or a data file that is no pattern does not
 * exist.
 * @throws PipelineError `model-missing` or `data-missing`.
 */
export function checkFilesExist({ config, file }: LoadedRun): void {
  const where = `${basename(file)}: `;
  const remedyFor = (path: string) =>
    isObjectPath(path)
      ? 'Data and models are files of each machine: mount the bucket, or copy them. Only runs lie in object storage.'
      : `Paths in a config are relative to its folder, ${dirname(file)}.`;
  const modelFile = 'model' in config ? (config.model?.file ?? null) : null;
  if (modelFile !== null && !existsSync(modelFile)) {
    const value = modelFile;
    throw new PipelineError({
      kind: 'model-missing',
      what: 'no such file',
      where: `${where}model.file`,
      value,
      remedy: remedyFor(value),
    });
  }
  for (const { key, path } of configFiles(config)) {
    if (isGlob(path) || existsSync(path)) continue;
    throw new PipelineError({
      kind: 'data-missing',
      what: 'no such file',
      where: `${where}${key}`,
      value: path,
      remedy: remedyFor(path),
    });
  }
}

function parseConfigFile(file: string): unknown {
  const document = parseDocument(readConfigText(file), { prettyErrors: true });
  try {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    // Throws where aliases of aliases would grow without bound.
    return document.toJS() as unknown;
  } catch (error) {
    const [what = 'not YAML'] = (error as Error).message.split('\n');
    throw new PipelineError({
      kind: 'config-invalid',
      what: what.replace(/:$/, ''),
      where: file,
      remedy: 'A config is YAML or JSON.',
    });
  }
}

function readConfigText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const what = code === 'ENOENT' ? 'no such config file' : `the config file cannot be read (${code})`;
    const remedy = 'Give the path of a YAML or JSON file.';
    throw new PipelineError({ kind: 'config-invalid', what, where: file, remedy }, { cause: error });
  }
}

/** The form that the config's `kind` (and `experiment`) ask for. */
function formOf(file: string, raw: unknown): ConfigForm {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    const remedy =
      'A config holds keys such as kind, model and dataset; examples/mnist-mlp/sweep.yaml is one.';
    const value = quoteValue(raw ?? null);
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'the file holds no config',
      where: file,
      value,
      remedy,
    });
  }
  const { kind, experiment } = raw as Record<string, unknown>;
  if (kind === 'sweep') return sweepForm();
  if (kind === 'lens') {
    const known = EXPERIMENTS.find((name) => name === experiment);
    if (known !== undefined) return lensForm(known);
    throw notAllowed(`${file}: experiment`, { value: experiment, allowed: EXPERIMENTS });
  }
  if (kind === 'metflow') return metflowFormOf(file, experiment);
  throw notAllowed(`${file}: kind`, { value: kind, allowed: KINDS });
}

function metflowFormOf(file: string, experiment: unknown): ConfigForm {
  if (experiment === undefined) return metflowForm();
  const known = IMAGE_EXPERIMENTS.find((name) => name === experiment);
  if (known !== undefined) return imagesForm(known);
  throw notAllowed(`${file}: experiment`, { value: experiment, allowed: IMAGE_EXPERIMENTS });
}

/** Code of the user's own runs only when asked for: a config may come from someone else. */
export function refuseCode(where: string, config: RunConfig): void {
  if (!('target' in config) || !('module' in config.target)) return;
  throw new PipelineError({
    kind: 'code-not-allowed',
    where: `${where}: target.module`,
    what: 'the config names a module whose code would run',
    value: config.target.module,
    remedy: 'Read the module, then add --allow-code.',
  });
}

function notAllowed(
  where: string,
  { value, allowed }: { readonly value: unknown; readonly allowed: readonly string[] },
): PipelineError {
  const hint = typeof value === 'string' ? didYouMean(value, allowed) : '';
  const remedy = `Allowed: ${allowed.join(', ')}${hint === '' ? '.' : hint}`;
  const what = value === undefined ? 'this key is missing' : 'the value is not allowed';
  const quoted = value === undefined ? {} : { value: quoteValue(value) };
  return new PipelineError({ kind: 'config-invalid', what, where, ...quoted, remedy });
}

/** `<config file stem>-<first 8 hex of the hash>`, with other characters than a run id may have replaced. */
function derivedRunId(file: string, hash: string): string {
  const stem = basename(file, extname(file)).replace(/[^A-Za-z0-9._-]+/g, '-');
  const safe = /^[A-Za-z0-9]/.test(stem) ? stem : `run${stem}`;
  return `${safe.slice(0, 91)}-${hash.slice(0, 8)}`;
}
