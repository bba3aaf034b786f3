// runs.parquet: one row about the run. Wall-clock facts are null here: the same config must give the same bytes.

import type { TableDef } from './column.ts';

export const RUNS_TABLE: TableDef = {
  name: 'runs',
  path: 'runs.parquet',
  order: 'one row',
  description: 'What was run. created_at and wall_ms are null by design: run.json holds them.',
  columns: [
    { name: 'run_id', type: 'utf8', unit: '', nullable: false, description: 'The run.' },
    { name: 'created_at', type: 'timestamp[ms,UTC]', unit: 'ms since 1970, UTC', nullable: true, description: 'Null by design; see run.json.' },
    { name: 'experiment', type: 'utf8', unit: '', nullable: false, description: '`sweep`.' },
    { name: 'model_id', type: 'utf8', unit: '', nullable: false, description: 'File name of the model.' },
    { name: 'model_sha256', type: 'utf8', unit: 'hex', nullable: false, description: 'Hash of the model as configured (before a control rewrites it).' },
    { name: 'model_kind', type: 'utf8', unit: 'trained | random_init | weight_permuted', nullable: false, description: 'The control.' },
    { name: 'init_seed', type: 'int64', unit: '', nullable: true, description: 'Seed of the control; null for the trained model.' },
    { name: 'dataset_id', type: 'utf8', unit: '', nullable: false, description: 'File name(s) of the data.' },
    { name: 'dataset_sha256', type: 'utf8', unit: 'hex', nullable: false, description: 'Hash over the hashes of the data files.' },
    { name: 'n_points', type: 'int32', unit: 'points', nullable: false, description: 'Rows of the points table.' },
    { name: 'seed', type: 'int64', unit: '', nullable: false, description: 'Seed of the run.' },
    { name: 'dtype', type: 'utf8', unit: '', nullable: false, description: 'Arithmetic of the model.' },
    { name: 'tie_rule', type: 'utf8', unit: '', nullable: false, description: 'What z = 0 gives.' },
    { name: 'span_kind', type: 'utf8', unit: '', nullable: false, description: 'Recorded kinds of span, comma-separated.' },
    { name: 'granularity', type: 'utf8', unit: 'image | position | token', nullable: false, description: 'What one point is.' },
    { name: 'preprocess_json', type: 'utf8', unit: 'JSON', nullable: false, description: 'dataset.transform.' },
    { name: 'params_json', type: 'utf8', unit: 'JSON', nullable: false, description: 'The codes section of the config.' },
    { name: 'code_version', type: 'utf8', unit: '', nullable: false, description: 'Version of the program.' },
    { name: 'backend', type: 'utf8', unit: '', nullable: false, description: 'What ran the model.' },
    { name: 'wall_ms', type: 'float64', unit: 'ms', nullable: true, description: 'Null by design; see run.json.' },
    { name: 'exact', type: 'bool', unit: '', nullable: false, description: 'True where every tap is piecewise linear, so codes name exact polytopes.' },
  ],
};
