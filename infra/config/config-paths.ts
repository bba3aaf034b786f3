// Paths of a config: relative to its file when written, absolute when used, relative again when hashed.

import { isAbsolute, relative, resolve, sep } from 'node:path';

import type { DatasetConfig, SweepConfig } from '#schemas/config.ts';

/** Formats whose `labels` are files; for the others it is a column, a field or a member suffix. */
const LABEL_FILES: ReadonlySet<DatasetConfig['format']> = new Set(['idx', 'npy']);

/** The config with every path made absolute from the config file's folder. Globs keep their pattern. */
export function absolutePaths(config: SweepConfig, folder: string): SweepConfig {
  return mapPaths(config, (path) => resolve(folder, path));
}

/**
 * The config with every path written from the config file's folder, with forward slashes: a clone that was
 * moved, or lies on another machine, keeps its hash. A path on another drive stays absolute.
 */
export function portablePaths(config: SweepConfig, folder: string): SweepConfig {
  return mapPaths(config, (path) => {
    const portable = relative(folder, resolve(folder, path));
    return isAbsolute(portable) ? portable : portable.split(sep).join('/');
  });
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

function mapPaths(config: SweepConfig, map: (path: string) => string): SweepConfig {
  const { model, dataset, output } = config;
  const each = (paths: string | string[]) => (typeof paths === 'string' ? map(paths) : paths.map(map));
  const labels =
    dataset.labels === undefined || !LABEL_FILES.has(dataset.format) ? {} : { labels: each(dataset.labels) };
  const tokenizer = dataset.tokenizer === undefined ? {} : { tokenizer: map(dataset.tokenizer) };
  return {
    ...config,
    model: { ...model, file: map(model.file) },
    dataset: { ...dataset, data: each(dataset.data), ...labels, ...tokenizer },
    output: { ...output, dir: map(output.dir) },
  };
}
