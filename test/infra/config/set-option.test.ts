import { describe, expect, it } from 'vitest';

import { PipelineError } from '#schemas/errors.ts';
import { applySets, parseSet } from '../../../infra/config/set-option.ts';

describe('--set', () => {
  it.each([
    ['seed=3', ['seed'], 3],
    ['model.control=random_init', ['model', 'control'], 'random_init'],
    ['dataset.rows=[0, 100]', ['dataset', 'rows'], [0, 100]],
    ['codes.countAmbiguous=true', ['codes', 'countAmbiguous'], true],
    ['dataset.data=a=b.npy', ['dataset', 'data'], 'a=b.npy'],
    ['run=', ['run'], null],
    ['run="7"', ['run'], '7'],
  ])('reads %s as a path and a typed value', (option, path, value) => {
    expect(parseSet(option)).toEqual({ path, value });
  });

  it('changes one key and leaves the rest and the original alone', () => {
    const raw = { model: { file: 'a', threads: 1 }, seed: 0 };
    expect(applySets(raw, ['model.threads=2', 'seed=9'])).toEqual({
      model: { file: 'a', threads: 2 },
      seed: 9,
    });
    expect(raw.model.threads).toBe(1);
  });

  it('makes sections that are not there, and reaches into lists', () => {
    expect(applySets({ data: ['a', 'b'] }, ['codes.keep=words', 'data.1=c'])).toEqual({
      data: ['a', 'c'],
      codes: { keep: 'words' },
    });
  });

  it.each(['seed', '=3', 'a..b=1', '__proto__.x=1', 'dataset.rows=[0,'])(
    'refuses %s as a bad command',
    (option) => {
      expect(() => applySets({}, [option])).toThrow(PipelineError);
      expect(() => applySets({}, [option])).toThrow(/^--set: /);
    },
  );

  it('refuses to look into a value that is no section', () => {
    expect(() => applySets({ seed: 3 }, ['seed.low=1'])).toThrow(
      /the key low lies inside a value that is not a section/,
    );
  });
});
