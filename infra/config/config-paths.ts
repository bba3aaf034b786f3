// Paths of a config: relative to its file when written, absolute when used, relative again when hashed.

import { isAbsolute, relative, resolve, sep } from 'node:path';

import type { DatasetConfig } from '#schemas/config.ts';
import type { RunConfig } from '#schemas/messages.ts';
import type { RegionsConfig } from '#schemas/metflow-config.ts';
import type { InpaintingConfig } from '#schemas/metflow-images.ts';
import type { TargetConfig } from '#schemas/metflow-targets.ts';
import { isObjectPath, resolvePath } from '../blobs/object-path.ts';

/** Formats whose `labels` are files; for the others it is a column, a field or a member suffix. */
const LABEL_FILES: ReadonlySet<DatasetConfig['format']> = new Set(['idx', 'npy']);

/** The config with every path made absolute from the config file's folder. Globs keep their pattern. */
export function absolutePaths<Config extends RunConfig>(config: Config, folder: string): Config {
  return mapPaths(config, (path) => resolvePath(path, folder));
}

/**
 * The config with every path written from the config file's folder, with forward slashes: a clone that was
 * moved, or lies on another machine, keeps its hash. A path on another drive stays absolute.
 */
export function portablePaths<Config extends RunConfig>(config: Config, folder: string): Config {
  return mapPaths(config, (path) => {
    if (isObjectPath(path)) return path;
    const portable = relative(folder, resolve(folder, path));
    return isAbsolute(portable) ? portable : portable.split(sep).join('/');
  });
}

/** The config with another `output.dir`. */
export function withOutputDir<Config extends RunConfig>(config: Config, dir: string): Config {
  const { output }: RunConfig = config;
  return { ...config, output: { ...output, dir } };
}

/** Whether a path is a pattern that a reader expands. */
export function isGlob(path: string): boolean {
  return /[*?[\]{}]/.test(path);
}

/** Data files and label files that the config names. */
export function configFiles(config: RunConfig): readonly NamedFile[] {
  return [
    ...('dataset' in config && config.dataset !== undefined ? datasetFiles('dataset', config.dataset) : []),
    ...('test' in config ? datasetFiles('test', config.test) : []),
    ...('target' in config && 'dataset' in config.target
      ? datasetFiles('target.dataset', config.target.dataset)
      : []),
    ...('images' in config ? named('images.data', config.images.data) : []),
  ];
}

interface NamedFile {
  readonly key: string;
  readonly path: string;
}

function datasetFiles(at: string, dataset: DatasetConfig): readonly NamedFile[] {
  return [
    ...named(`${at}.data`, dataset.data),
    ...named(`${at}.labels`, LABEL_FILES.has(dataset.format) ? dataset.labels : undefined),
    ...named(`${at}.tokenizer`, dataset.tokenizer),
  ];
}

function named(key: string, paths: string | readonly string[] | undefined): readonly NamedFile[] {
  return [paths ?? []].flat().map((path) => ({ key, path }));
}

/** Sections that name files, each mapped where the config has it. */
function mapPaths<Config extends RunConfig>(config: Config, map: (path: string) => string): Config {
  const given: RunConfig = config;
  const mapped = {
    ...given,
    output: { ...given.output, dir: map(given.output.dir) },
    ...('model' in given && given.model !== undefined ? { model: mapModel(given.model, map) } : {}),
    ...('dataset' in given && given.dataset !== undefined ? { dataset: mapDataset(given.dataset, map) } : {}),
    ...('regions' in given && given.regions !== undefined ? { regions: mapRegions(given.regions, map) } : {}),
    ...('runs' in given ? { runs: given.runs.map(map) } : {}),
    ...('test' in given ? { test: mapDataset(given.test, map) } : {}),
    ...('encoder' in given ? mapInpainting(given, map) : {}),
    ...('target' in given ? { target: mapTarget(given.target, map) } : {}),
  };
  return mapped as Config;
}

function mapInpainting(
  { encoder, decoder, images }: Pick<InpaintingConfig, 'encoder' | 'decoder' | 'images'>,
  map: (path: string) => string,
) {
  return {
    encoder: map(encoder),
    decoder: map(decoder),
    images: { ...images, data: map(images.data) },
  };
}

function mapModel<Model extends { file: string; through?: string | undefined }>(
  model: Model,
  map: (path: string) => string,
): Model {
  const through = model.through === undefined ? {} : { through: map(model.through) };
  return { ...model, file: map(model.file), ...through };
}

function mapRegions(
  { sweep, dataset, ...rest }: RegionsConfig,
  map: (path: string) => string,
): RegionsConfig {
  return {
    ...rest,
    ...(sweep === undefined ? {} : { sweep: map(sweep) }),
    ...(dataset === undefined ? {} : { dataset: mapDataset(dataset, map) }),
  };
}

function mapTarget(target: TargetConfig, map: (path: string) => string): TargetConfig {
  if ('module' in target) return { ...target, module: map(target.module) };
  if (target.name === 'logistic') return { ...target, data: map(target.data) };
  if ('dataset' in target)
    return { ...target, model: map(target.model), dataset: mapDataset(target.dataset, map) };
  if (target.name === 'class_energy') return { ...target, model: map(target.model) };
  if (target.name !== 'vae_posterior') return target;
  const data = target.data === undefined ? {} : { data: map(target.data) };
  return { ...target, decoder: map(target.decoder), ...data };
}

function mapDataset(dataset: DatasetConfig, map: (path: string) => string): DatasetConfig {
  const each = (paths: string | string[]) => (typeof paths === 'string' ? map(paths) : paths.map(map));
  const labels =
    dataset.labels === undefined || !LABEL_FILES.has(dataset.format) ? {} : { labels: each(dataset.labels) };
  const tokenizer = dataset.tokenizer === undefined ? {} : { tokenizer: map(dataset.tokenizer) };
  return { ...dataset, data: each(dataset.data), ...labels, ...tokenizer };
}
