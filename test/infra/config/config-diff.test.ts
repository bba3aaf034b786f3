import { describe, expect, it } from 'vitest';

import { sweepConfig } from '#schemas/config.ts';
import { describeChange, diffConfigs } from '../../../infra/config/config-diff.ts';
import { canonicalJson } from '../../../infra/config/config-hash.ts';

const BASE = { kind: 'sweep', model: { file: 'm.onnx' }, dataset: { format: 'idx', data: 'd' } };

function differences(change: object): readonly string[] {
  return diffConfigs(sweepConfig.parse(BASE), sweepConfig.parse({ ...BASE, ...change })).map(describeChange);
}

describe('diffConfigs', () => {
  it('names changed keys with their old and new values', () => {
    expect(differences({ model: { file: 'n.onnx', control: 'random_init' } })).toEqual([
      'model.file: "m.onnx" → "n.onnx"',
      'model.control: "none" → "random_init"',
    ]);
  });

  it('shows keys that were or are not set', () => {
    expect(differences({ dataset: { format: 'idx', data: 'd', rows: [0, 5] } })).toEqual([
      'dataset.rows: not set → [0,5]',
    ]);
  });

  it('compares lists as one value', () => {
    expect(differences({ codes: { spans: ['layer'] } })).toEqual([
      'codes.spans: ["layer","network"] → ["layer"]',
    ]);
  });

  it('leaves name and place of the run out', () => {
    expect(differences({ run: 'x', output: { dir: 'elsewhere' } })).toEqual([]);
  });
});

describe('canonicalJson', () => {
  it('does not depend on the order of keys, but on the order of lists', () => {
    expect(canonicalJson({ b: 1, a: { d: 2, c: [2, 1] } })).toBe('{"a":{"c":[2,1],"d":2},"b":1}');
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });
});
