// Tables of runs about autoencoders of images: how likely test images are, pictures, and chains of filled-in images.

import { RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, ColumnType, TableDef } from '../column.ts';

function column(name: string, type: ColumnType, description: string, unit = ''): ColumnDef {
  return { name, type, unit, nullable: false, description };
}

function maybe(definition: ColumnDef): ColumnDef {
  return { ...definition, nullable: true };
}

const MODEL = column('model', 'utf8', 'Name of the model in the config.');
const SEED = column('seed', 'int64', 'Seed of the training.');
const IMAGE = column('image', 'int64', 'Row of the image in its file.');

function nats(name: string, description: string): ColumnDef {
  return column(name, 'float64', description, 'nats');
}

export const VAE_LIKELIHOOD_TABLE: TableDef = {
  name: 'vae_likelihood',
  path: 'vae_likelihood.parquet',
  order: 'models as in the config; each seed, then all seeds together',
  description:
    'One row per model and seed, and one per model over its seeds: how likely its decoder makes test images.',
  columns: [
    MODEL,
    maybe({ ...SEED, description: 'Seed of the training; null for all seeds together.' }),
    column('trainings', 'int32', 'Trainings that the row is of.'),
    column('parameters', 'int64', 'Trained numbers.', 'numbers'),
    column('updates', 'int64', 'Updates of the training.', 'updates'),
    column('images', 'int32', 'Test images.', 'images'),
    column('draws', 'int32', 'Importance draws of each image.', 'draws'),
    nats('bound', "Mean over images of the bound's integrand, averaged over the draws."),
    nats('bound_se', 'Its standard error: over images, or over seeds where the row is of all.'),
    nats(
      'log_likelihood',
      'Mean over images of the log of the mean importance weight; its expectation is a lower bound too.',
    ),
    maybe(nats('log_likelihood_se', 'Its standard error: over images, or over seeds; null for one seed.')),
    maybe(
      nats(
        'monte_carlo_se',
        'The part of that error that more draws would lessen, by the delta method; null for all seeds.',
      ),
    ),
    maybe(
      column(
        'median_ess',
        'float64',
        'Median over images of the effective number of importance draws.',
        'draws',
      ),
    ),
    maybe(
      nats(
        'difference',
        'log_likelihood less that of the first model of the config, on the same images and seed.',
      ),
    ),
    maybe(nats('difference_se', 'Its standard error, paired: by image, or by seed where the row is of all.')),
    RUN_ID_COLUMN,
  ],
};

export const VAE_SAMPLES_TABLE: TableDef = {
  name: 'vae_samples',
  path: 'vae_samples.parquet',
  order: 'model, seed, sample',
  description: 'Pictures that trained decoders make of draws of the prior, the same draws for every model.',
  columns: [
    MODEL,
    SEED,
    column('sample', 'int32', 'Number of the draw, from 0.'),
    column('z', 'list<float64>', 'The latent vector.'),
    column('pixels', 'list<float32>', 'Probability that each pixel is lit, row by row.', 'probability'),
    RUN_ID_COLUMN,
  ],
};

export const INPAINTING_TABLE: TableDef = {
  name: 'inpainting',
  path: 'inpainting/',
  order: 'one part per sampler and frame, in their order; inside by image and chain',
  description:
    'One row per chain and frame: an image whose missing pixels are drawn. Parts are final as soon as they are there.',
  columns: [
    { ...MODEL, description: 'Name of the sampler in the config.' },
    IMAGE,
    column('chain', 'int32', 'Chain of the image, from 0.'),
    column(
      'frame',
      'int32',
      'Recorded state, from 0: the true image, with a latent vector drawn from the encoder.',
    ),
    column('sweep', 'int64', 'Sweeps behind it.', 'sweeps'),
    column('z', 'list<float64>', 'The latent vector.'),
    column(
      'pixels',
      'list<float32>',
      'The whole image, 0 or 1: seen pixels as given, missing ones as drawn.',
    ),
    column('estimate', 'list<float32>', 'Probability of each pixel given the latent vector.', 'probability'),
    RUN_ID_COLUMN,
  ],
};

export const INPAINTING_IMAGES_TABLE: TableDef = {
  name: 'inpainting_images',
  path: 'inpainting_images.parquet',
  order: 'as in the config',
  description: 'The images, whole, and which of their pixels the chains were given.',
  columns: [
    IMAGE,
    column('pixels', 'list<float32>', 'The true image, 0 or 1.'),
    column('seen', 'list<int32>', 'Per pixel: 1 where it was seen, 0 where it is missing.'),
    RUN_ID_COLUMN,
  ],
};

export const INPAINTING_SUMMARY_TABLE: TableDef = {
  name: 'inpainting_summary',
  path: 'inpainting_summary.parquet',
  order: 'samplers as in the config, image',
  description:
    'One row per sampler and image: how its chains move and whether they agree. Frame 0 does not count.',
  columns: [
    { ...MODEL, description: 'Name of the sampler in the config.' },
    IMAGE,
    column('chains', 'int32', 'Chains.'),
    column('frames', 'int32', 'Frames of each chain.'),
    column('sweeps', 'int64', 'Sweeps between two frames.', 'sweeps'),
    column(
      'accept_rate',
      'list<float64>',
      'Share of steps accepted, per kernel; empty where none can be refused.',
    ),
    column('lit', 'float64', 'Mean share of missing pixels that are lit.'),
    column('lit_mcse', 'float64', 'Its Monte Carlo standard error.'),
    column('lit_ess', 'float64', 'Bulk effective size of that share.', 'draws'),
    column('lit_r_hat', 'float64', 'Rank-normalised split R-hat of it; NaN for a chain too short.'),
    column(
      'frame_change',
      'float64',
      'Mean share of missing pixels whose estimate crosses 1/2 from one frame to the next.',
    ),
    column(
      'chain_change',
      'float64',
      'Mean share of missing pixels on whose side of 1/2 two chains differ at the last frame; NaN for one chain.',
    ),
    column(
      'distance',
      'float64',
      'Mean share of missing pixels whose estimate at the last frame lies on the other side of 1/2 than the true image.',
    ),
    RUN_ID_COLUMN,
  ],
};
