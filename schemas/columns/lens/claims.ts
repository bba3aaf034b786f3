// claims.parquet: what an experiment says, with the null that each effect is held against.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';

export const CLAIMS_TABLE: TableDef = {
  name: 'claims',
  path: 'claims.parquet',
  order: 'as the experiment judges them: by claim, model and span',
  description: 'One row per claim, model and span: effect, interval, null, verdict.',
  columns: [
    {
      name: 'claim',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'What is claimed, in a few words.',
    },
    {
      name: 'experiment',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'The experiment that judged it.',
    },
    MODEL_COLUMN,
    {
      name: 'span',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'Span or tap that the claim is about.',
    },
    {
      name: 'effect',
      type: 'float64',
      unit: '',
      nullable: true,
      description: 'The measured effect; null only where the verdict is `too few`.',
    },
    {
      name: 'ci_low',
      type: 'float64',
      unit: '',
      nullable: true,
      description: 'Lower end of its interval, resampled by independent units.',
    },
    { name: 'ci_high', type: 'float64', unit: '', nullable: true, description: 'Upper end of its interval.' },
    {
      name: 'null_effect',
      type: 'float64',
      unit: '',
      nullable: false,
      description: 'The effect under the null hypothesis.',
    },
    {
      name: 'p_value',
      type: 'float64',
      unit: 'probability',
      nullable: true,
      description: 'Two-sided, corrected (Holm) over the family that was judged together.',
    },
    {
      name: 'verdict',
      type: 'utf8',
      unit: 'supported | reversed | not shown | too few',
      nullable: false,
      description: 'Supported or reversed: the interval excludes the null and the corrected p is below 0.05.',
    },
    {
      name: 'n',
      type: 'int32',
      unit: 'independent units',
      nullable: false,
      description: 'Images, sequences or clusters behind the effect.',
    },
    RUN_ID_COLUMN,
  ],
};
