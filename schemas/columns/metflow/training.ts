// training.parquet: how the variational training went.

import { RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';

export const TRAINING_TABLE: TableDef = {
  name: 'training',
  path: 'training.parquet',
  order: 'model and seed as in the config, step',
  description: 'One row per recorded update of the training.',
  columns: [
    { name: 'step', type: 'int64', unit: '', nullable: false, description: 'Update, from 0.' },
    {
      name: 'elbo',
      type: 'float64',
      unit: 'nats',
      nullable: false,
      description:
        "Mean of the bound's integrand over the batch, under the target as far as it has faded in.",
    },
    {
      name: 'elbo_eval',
      type: 'float64',
      unit: 'nats',
      nullable: true,
      description: 'The bound under the whole target on a larger batch; null where none was evaluated.',
    },
    {
      name: 'grad_norm',
      type: 'float64',
      unit: '',
      nullable: false,
      description: 'Norm of the gradient before clipping.',
    },
    {
      name: 'accept_rate',
      type: 'list<float64>',
      unit: '',
      nullable: false,
      description: 'Share of proposals accepted, one entry per kernel of the path.',
    },
    {
      name: 'broken',
      type: 'int32',
      unit: 'proposals',
      nullable: false,
      description: 'Proposals of the batch whose ratio was not a number.',
    },
    {
      name: 'moved',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'Whether the gradient was finite, so that the parameters moved.',
    },
    {
      name: 'seconds',
      type: 'float64',
      unit: 's',
      nullable: true,
      description: 'Always null: times would differ between two runs of one config. run.json holds them.',
    },
    {
      name: 'model',
      type: 'utf8',
      unit: '',
      nullable: false,
      description:
        'What is trained: `path`, the kernels of a sampler; else the name of an autoencoder or sampler.',
    },
    { name: 'seed', type: 'int64', unit: '', nullable: false, description: 'Seed of the training.' },
    RUN_ID_COLUMN,
  ],
};
