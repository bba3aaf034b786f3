// Which reader opens which format.

import type { DatasetReader, OpenDataset } from '../../activities/ports.ts';
import type { DatasetConfig } from '#schemas/config.ts';
import { openImages } from './images.ts';
import { openParquet } from './parquet.ts';
import { openRecords } from './records.ts';
import { openTar } from './tar.ts';
import { openText } from './text.ts';

const READERS: Readonly<Record<DatasetConfig['format'], (config: DatasetConfig) => Promise<DatasetReader>>> =
  {
    idx: (config) => openRecords(config, { format: 'idx' }),
    npy: (config) => openRecords(config, { format: 'npy' }),
    parquet: openParquet,
    images: openImages,
    tar: openTar,
    jsonl: openText,
    text: openText,
  };

/** Opens a data set for planning or reading; see the readers for what each format means and how it fails. */
export const openDataset: OpenDataset = (config) => READERS[config.format](config);
