// The run that checkpoints of tests belong to.

import type { CheckpointOrigin } from '../../activities/metflow/checkpoint.ts';

export const ORIGIN: CheckpointOrigin = {
  kind: 'chains',
  runId: 'r',
  configSha256: 'abc',
  codeVersion: '1',
  target: { name: 'ring', sha256: 'def' },
  model: null,
  dtype: 'float64',
  backend: 'onnxruntime-node/cpu',
  threads: 1,
  seed: 3,
  group: 0,
};
