// Paths of a config: relative to its file when written, absolute when used, relative again when hashed.

import { isAbsolute, relative, resolve, sep } from 'node:path';

import type { DatasetConfig } from '#schemas/config.ts';
import type { RunConfig } from '#schemas/messages.ts';

/** Formats whose `labels` are files; for the others it is a column, a field or a member suffix. */
const LABEL_FILES: ReadonlySet<DatasetConfig['format']> = new Set(['idx', 'npy']);

/** The config with every path made absolute from the config file's folder. Globs keep their pattern. */
export function absolutePaths<Config extends RunConfig>(config: Config, folder: string): Config {
  return mapPaths(config, (path) => resolve(folder, path));
}

/**
 * The config with every path written from the config file's folder, with forward slashes: a clone that was
 * moved, or lies on another machine, keeps its hash. A path on another drive stays absolute.
 */
export function portablePaths<Config extends RunConfig>(config: Config, folder: string): Config {
  return mapPaths(config, (path) => {
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
export function datasetFiles(
  dataset: DatasetConfig,
): readonly { readonly key: string; readonly path: string }[] {
  const named = (key: string, paths: string | readonly string[] | undefined) =>
    [paths ?? []].flat().map((path) => ({ key, path }));
  return [
    ...named('dataset.data', dataset.data),
    ...named('dataset.labels', LABEL_FILES.has(dataset.format) ? dataset.labels : undefined),
    ...named('dataset.tokenizer', dataset.tokenizer),
  ];
}

/** Sections that name files, each mapped where the config has it. */
function mapPaths<Config extends RunConfig>(config: Config, map: (path: string) => string): Config {
  const given: RunConfig = config;
  const mapped = {
    ...given,
    output: { ...given.output, dir: map(given.output.dir) },
    ...('model' in given ? { model: { ...given.model, file: map(given.model.file) } } : {}),
    ...('dataset' in given && given.dataset !== undefined ? { dataset: mapDataset(given.dataset, map) } : {}),
    ...('runs' in given ? { runs: given.runs.map(map) } : {}),
  };
  return mapped as Config;
}

function mapDataset(dataset: DatasetConfig, map: (path: string) => string): DatasetConfig {
  const each = (paths: string | string[]) => (typeof paths === 'string' ? map(paths) : paths.map(map));
  const labels =
    dataset.labels === undefined || !LABEL_FILES.has(dataset.format) ? {} : { labels: each(dataset.labels) };
  const tokenizer = dataset.tokenizer === undefined ? {} : { tokenizer: map(dataset.tokenizer) };
  return { ...dataset, data: each(dataset.data), ...labels, ...tokenizer };
}
