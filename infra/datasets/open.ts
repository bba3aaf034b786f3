// Which reader opens which format.

import type { DatasetReader, OpenDataset } from '../../activities/ports.ts';
import type { DatasetConfig } from '#schemas/config.ts';
import { openRecords } from './records.ts';

const READERS: Partial<Record<DatasetConfig['format'], (config: DatasetConfig) => Promise<DatasetReader>>> = {
  idx: (config) => openRecords(config, { format: 'idx' }),
  npy: (config) => openRecords(config, { format: 'npy' }),
};

/** Opens a data set for planning or reading; see the readers for what each format means and how it fails. */
export const openDataset: OpenDataset = (config) => {
  const open = READERS[config.format];
  if (open === undefined) throw new Error(config.format);
  return open(config);
};
