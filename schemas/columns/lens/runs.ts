// runs.parquet of an experiment: one row per model. Wall-clock facts are null: the same config must give the same bytes.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';

export const LENS_RUNS_TABLE: TableDef = {
  name: 'runs',
  path: 'runs.parquet',
  order: 'model, in the order of the run: trained first',
  description:
    'What was run, one row per model. created_at and wall_ms are null by design: run.json holds them.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'created_at',
      type: 'timestamp[ms,UTC]',
      unit: 'ms since 1970, UTC',
      nullable: true,
      description: 'Null by design; see run.json.',
    },
    { name: 'experiment', type: 'utf8', unit: '', nullable: false, description: 'The experiment.' },
    { name: 'model_id', type: 'utf8', unit: '', nullable: false, description: 'File name of the model.' },
    {
      name: 'model_sha256',
      type: 'utf8',
      unit: 'hex',
      nullable: false,
      description: 'Hash of the model file, before a control rewrites it.',
    },
    {
      name: 'model_kind',
      type: 'utf8',
      unit: 'trained | random_init | weight_permuted',
      nullable: false,
      description: 'The control.',
    },
    {
      name: 'init_seed',
      type: 'int64',
      unit: '',
      nullable: true,
      description: 'Seed of the control; null for the trained model.',
    },
    {
      name: 'dataset_id',
      type: 'utf8',
      unit: '',
      nullable: true,
      description: 'File name(s) of the data; null without a data set.',
    },
    {
      name: 'dataset_sha256',
      type: 'utf8',
      unit: 'hex',
      nullable: true,
      description: 'Hash over the hashes of the data files.',
    },
    {
      name: 'n_points',
      type: 'int32',
      unit: 'points',
      nullable: false,
      description: 'Rows of the points table for this model.',
    },
    { name: 'seed', type: 'int64', unit: '', nullable: false, description: 'Seed of the run.' },
    {
      name: 'dtype',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'Arithmetic of forward passes; exact geometry is float64.',
    },
    { name: 'tie_rule', type: 'utf8', unit: '', nullable: false, description: 'What z = 0 gives.' },
    {
      name: 'granularity',
      type: 'utf8',
      unit: 'image | token',
      nullable: false,
      description: 'What one point is.',
    },
    {
      name: 'preprocess_json',
      type: 'utf8',
      unit: 'JSON',
      nullable: true,
      description: 'dataset.transform.',
    },
    {
      name: 'params_json',
      type: 'utf8',
      unit: 'JSON',
      nullable: false,
      description: "The experiment's section of the config.",
    },
    { name: 'code_version', type: 'utf8', unit: '', nullable: false, description: 'Version of the program.' },
    { name: 'backend', type: 'utf8', unit: '', nullable: false, description: 'What ran the model.' },
    {
      name: 'wall_ms',
      type: 'float64',
      unit: 'ms',
      nullable: true,
      description: 'Null by design; see run.json.',
    },
    {
      name: 'exact',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'True where the whole graph is piecewise linear.',
    },
    RUN_ID_COLUMN,
  ],
};
