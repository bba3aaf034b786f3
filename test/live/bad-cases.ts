// What users get wrong, and what they are told: exit code, kind of fault, what the one message holds.

import { join } from 'node:path';
import { NAN_ROW } from './bad-files.ts';
import { EXAMPLES } from './recorded-codes.ts';

export interface BadCase {
  readonly sets: (at: (name: string) => string) => Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv;
  readonly code: number;
  readonly kind: string;
  /** What the message must hold: the thing, the place, the value. */
  readonly says: readonly RegExp[];
}

export const CASES: Readonly<Record<string, BadCase>> = {
  'a missing IDX file': {
    sets: (at) => ({ 'dataset.data': at('nowhere') }),
    code: 3,
    kind: 'data-missing',
    says: [/no such file/, /dataset\.data/, /nowhere/],
  },
  'a pattern that no file matches': {
    sets: (at) => ({ 'dataset.data': at('nothing-*') }),
    code: 3,
    kind: 'data-missing',
    says: [/nothing-\*/],
  },
  'a truncated IDX file': {
    sets: (at) => ({ 'dataset.data': at('truncated') }),
    code: 3,
    kind: 'data-invalid',
    says: [/truncated/, /967572 bytes/, /1568016/],
  },
  'a wrong magic number': {
    sets: (at) => ({ 'dataset.data': at('magic') }),
    code: 3,
    kind: 'data-invalid',
    says: [/magic/, /0b ?ad ?c0 ?de/i],
  },
  'one label too few': {
    sets: (at) => ({ 'dataset.labels': at('few-labels') }),
    code: 3,
    kind: 'label-mismatch',
    says: [/few-labels|images/, /2000/, /1999/],
  },
  'NaN in an input': {
    sets: (at) => ({
      'dataset.format': 'npy',
      'dataset.data': at('nan.npy'),
      'dataset.labels': at('labels.npy'),
      'dataset.transform.scale': 1,
    }),
    code: 3,
    kind: 'non-finite-input',
    says: [/nan\.npy/, new RegExp(`row ${NAN_ROW}|#${NAN_ROW}`), /NaN/],
  },
  'a model without taps': {
    sets: (at) => ({ 'model.file': at('linear.onnx') }),
    code: 3,
    kind: 'model-no-taps',
    says: [/linear\.onnx/],
  },
  'taps that match nothing': {
    sets: () => ({ 'model.taps': ['layer*'] }),
    code: 2,
    kind: 'config-invalid',
    says: [/model\.taps/, /layer\*/, /fc1, fc2/],
  },
  'a missing model': {
    sets: (at) => ({ 'model.file': at('none.onnx') }),
    code: 3,
    kind: 'model-missing',
    says: [/model\.file/, /none\.onnx/],
  },
  'a file that is no model': {
    sets: (at) => ({ 'model.file': at('images.onnx') }),
    code: 3,
    kind: 'model-invalid',
    says: [/images\.onnx/],
  },
  'a model for another shape': {
    sets: () => ({ 'model.file': join(EXAMPLES, 'mnist-cnn/model.onnx') }),
    code: 3,
    kind: 'shape-mismatch',
    says: [/784/, /28/],
  },
  'an unknown config key': {
    sets: () => ({ 'dataset.shardrows': 10 }),
    code: 2,
    kind: 'config-invalid',
    says: [/dataset\.shardrows/, /shardRows/],
  },
  'a value that is not allowed': {
    sets: () => ({ 'stream.partitions': 0 }),
    code: 2,
    kind: 'config-invalid',
    says: [/stream\.partitions/, /0/],
  },
  'a broker that does not answer': {
    sets: () => ({}),
    env: { KAFKA_BROKERS: '127.0.0.1:1' },
    code: 4,
    kind: 'service-unavailable',
    says: [/Kafka/, /KAFKA_BROKERS/, /127\.0\.0\.1:1/],
  },
  'a Temporal server that does not answer': {
    sets: () => ({}),
    env: { TEMPORAL_ADDRESS: '127.0.0.1:1' },
    code: 4,
    kind: 'service-unavailable',
    says: [/Temporal/, /TEMPORAL_ADDRESS/, /127\.0\.0\.1:1/],
  },
};
