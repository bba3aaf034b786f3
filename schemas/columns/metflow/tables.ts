// Every table of a MetFlow run, for the commit, the docs and `tessera schema`.

import type { TableDef } from '../column.ts';
import { BOUNDS_TABLE } from './bounds.ts';
import { DIAGNOSTICS_TABLE } from './diagnostics.ts';
import { DRAWS_TABLE } from './draws.ts';
import {
  INPAINTING_IMAGES_TABLE,
  INPAINTING_SUMMARY_TABLE,
  INPAINTING_TABLE,
  VAE_LIKELIHOOD_TABLE,
  VAE_SAMPLES_TABLE,
} from './images.ts';
import { KERNEL_HEALTH_TABLE } from './kernel-health.ts';
import { LEVEL_MASS_TABLE } from './level-mass.ts';
import { MODES_TABLE } from './modes.ts';
import { REGION_MASS_TABLE, REGION_SUMMARY_TABLE } from './region-mass.ts';
import { TRAINING_TABLE } from './training.ts';

export const METFLOW_TABLES: readonly TableDef[] = [
  DRAWS_TABLE,
  DIAGNOSTICS_TABLE,
  TRAINING_TABLE,
  BOUNDS_TABLE,
  KERNEL_HEALTH_TABLE,
  MODES_TABLE,
  LEVEL_MASS_TABLE,
  REGION_MASS_TABLE,
  REGION_SUMMARY_TABLE,
  VAE_LIKELIHOOD_TABLE,
  VAE_SAMPLES_TABLE,
  INPAINTING_TABLE,
  INPAINTING_IMAGES_TABLE,
  INPAINTING_SUMMARY_TABLE,
];
