// Whole reports about small runs: what stands in the page, what cannot, and how bad runs fail.

import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import sharp from 'sharp';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runShell } from '../../../infra/cli/shell.ts';
import { writeReport } from '../../../infra/cli/report-command.ts';
import { recordingTerminal } from '../cli/recording-terminal.ts';
import { IMAGES, makeChains, makeImages, makeSlice, makeSweep } from './make-run.ts';

const HOSTILE = `</script><img src=x onerror=alert(1)>`;
const folder = mkdtempSync(join(tmpdir(), 'tessera-report-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function reportOf(runDirs: readonly string[], figures?: string) {
  const file = join(folder, 'report.html');
  const written = await writeReport(runDirs, { file, figures });
  const text = readFileSync(file, 'utf8');
  return { ...written, text, document: parseHTML(text).document };
}

async function failure(runDir: string): Promise<{ code: number; errors: string }> {
  const terminal = recordingTerminal();
  const code = await runShell(['report', runDir, '--out', join(folder, 'none')], terminal);
  return { code, errors: terminal.notes.join('\n') };
}

describe('the report of sweeps', () => {
  it('shows each run, its spans, figures and pictures, and where they stand', async () => {
    const a = await makeSweep(folder, { runId: 'trained' });
    const b = await makeSweep(folder, { runId: 'control', control: 'random_init' });
    const figures = join(folder, 'figures');
    const { document, text, figures: count } = await reportOf([a.runDir, b.runDir], figures);
    const headings = [...document.querySelectorAll('h2')].map((each) => each.textContent);
    expect(headings).toEqual([
      'What was run',
      'Layers',
      'Regions by count',
      'Units',
      'What falls into regions',
      'Region explorer',
    ]);
    expect(text).toContain('random init');
    expect(document.querySelectorAll('.thumb').length).toBeGreaterThan(20);
    // Per run and span 60 regions of 60, 59, ..., 1 points: 1,830 points, one of them alone.
    const cells = [...document.querySelectorAll('#layers ~ .table tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(cells[0]!.slice(0, 7)).toEqual(['trained', 'fc1', '128', '1,830', '60', '1', '1,829']);
    // Odd regions are pure; each even one but the last has one point of another label: 1,829 - 29 of 1,829.
    expect(Number(cells[0]![9])).toBeCloseTo(1800 / 1829, 3);
    const files = readdirSync(figures);
    expect(files.filter((name) => name.endsWith('.svg'))).toHaveLength(count);
    for (const name of files.filter((each) => each.endsWith('.png')))
      expect((await sharp(join(figures, name)).metadata()).width).toBeGreaterThanOrEqual(1440);
  });

  it('draws runs that have hardly any regions without a warning of the library', async () => {
    const runs = [2, 1, 1].map((regions, i) => makeSweep(folder, { runId: `few-${i}`, regions }));
    const warned = vi.spyOn(console, 'warn');
    await reportOf((await Promise.all(runs)).map(({ runDir }) => runDir));
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it('shows the digits of the data set, also where a sweep starts at a later row', async () => {
    const { runDir } = await makeSweep(folder, { runId: 'later', first: 5000, regions: 20 });
    const { document, text } = await reportOf([runDir]);
    const sprite = /background-image:url\(data:image\/png;base64,([^)]+)\)/.exec(text)?.[1] ?? '';
    const { data, info } = await sharp(Buffer.from(sprite, 'base64'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const thumb = document.querySelector('.thumb');
    // The largest region's first example is point 5001; IDX holds 784 bytes a digit behind a header of 16.
    expect(thumb?.getAttribute('aria-label')).toBe('point 5001, label 1');
    expect(thumb?.getAttribute('style')).toBe('background-position:0px 0px');
    const digit = readFileSync(IMAGES).subarray(16 + 5001 * 784, 16 + 5002 * 784);
    const shown = Array.from(
      { length: 784 },
      (_, i) => data[(Math.floor(i / 28) * info.width + (i % 28)) * info.channels],
    );
    expect(shown).toEqual([...digit]);
  });

  it('keeps hostile labels, text and names as text', async () => {
    const { runDir } = await makeSweep(folder, {
      runId: `run ${HOSTILE}`,
      labelNames: [HOSTILE, 'b'],
      context: `before «${HOSTILE}» after`,
    });
    const { document, text } = await reportOf([runDir]);
    expect(document.querySelectorAll('img')).toHaveLength(0);
    expect(text).not.toContain('<img');
    expect(document.querySelector('h1')?.textContent).toBe(`run ${HOSTILE}`);
    expect(document.querySelector('.context mark')?.textContent).toBe(HOSTILE);
    // Scripts: the page's own two, and data that no browser runs.
    const kinds = [...document.querySelectorAll('script')].map((each) => each.getAttribute('type') ?? 'runs');
    expect(kinds).toEqual(['application/json', 'runs', 'runs']);
  });

  it('forbids everything from outside, and scripts but by hash', async () => {
    const { runDir } = await makeSweep(folder, { runId: 'policy', regions: 5 });
    const { document, text } = await reportOf([runDir]);
    const policy = document.querySelector('meta[http-equiv]')?.getAttribute('content') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src 'sha256-[^']+' 'sha256-[^']+';/);
    expect(policy).not.toContain("script-src 'unsafe-inline'");
    expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  it('is the same file twice', async () => {
    const { runDir } = await makeSweep(folder, { runId: 'same', regions: 20 });
    const first = await reportOf([runDir]);
    expect((await reportOf([runDir])).text).toBe(first.text);
  });
});

describe('the report of other runs', () => {
  it('embeds polygons and lists planes', async () => {
    const { runDir } = await makeSlice(folder, { runId: 'planes' });
    const { document } = await reportOf([runDir]);
    const { slices } = JSON.parse(document.getElementById('slices-data')?.textContent ?? '') as {
      slices: { polygons: number }[];
    };
    expect(slices.map(({ polygons }) => polygons)).toEqual([4]);
    expect(document.querySelector('#slices-panel ~ .table tbody')?.textContent).toContain('trained');
  });

  it('says whether chains have mixed, and draws them against their target', async () => {
    const { runDir } = await makeChains(folder, { runId: 'chains' });
    const { document } = await reportOf([runDir]);
    expect(document.querySelector('.verdict')?.textContent).toContain('at most 1.01 for all 3 parameters');
    const titles = [...document.querySelectorAll('figcaption strong')].map((each) => each.textContent);
    expect(titles).toEqual([
      'Mass of each mode, chains.',
      'Mass by nested levels, chains.',
      'Draws, chains.',
      'Traces and rank plots, chains.',
      'Acceptance by kernel, chains.',
      'Bound and acceptance in training, chains.',
      'Mass of regions of network, chains.',
    ]);
    expect(document.querySelectorAll('#figure-draws-chains [data-mark="contour"] path').length).toBe(3);
    expect(document.querySelector('#figure-region-mass-network-chains figcaption')?.textContent).toContain(
      'Grey: 1 region that',
    );
    const levels = document.querySelector('#figure-level-mass-chains');
    const caption = levels?.querySelector('figcaption')?.textContent;
    expect(caption).toContain('mass is 0.01 (95 %: 0.009 to 0.012)');
    expect(caption).toContain('Grey: 1 level that');
    const cells = [...(levels?.querySelectorAll('tbody tr') ?? [])].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(cells.map((row) => [row[0], row[1], row[5], row[8]])).toEqual([
      ['1', '2', '-2.303', 'yes'],
      ['2', '4', '-4.605', 'no'],
    ]);
  });

  it('puts runs of several kinds into parts with sections of their own', async () => {
    const sweep = await makeSweep(folder, { runId: 'part-a', regions: 5 });
    const chains = await makeChains(folder, { runId: 'part-b' });
    const { document } = await reportOf([sweep.runDir, chains.runDir]);
    expect([...document.querySelectorAll('h2.part')].map((each) => each.textContent)).toEqual([
      'Sweeps',
      'Chains',
    ]);
    const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('a run that cannot be reported on', () => {
  it('is unknown: exit 2', async () => {
    const { code, errors } = await failure('no-such-run');
    expect([code, errors]).toEqual([2, expect.stringContaining('no such run (no-such-run)')]);
  });

  it('has not finished: exit 3', async () => {
    const { runDir } = await makeChains(folder, { runId: 'going-on', status: 'running' });
    const { code, errors } = await failure(runDir);
    expect([code, errors]).toEqual([3, expect.stringContaining('this run has not finished')]);
    expect(errors).toContain('status running');
  });

  it('has a damaged table: exit 3, naming the file', async () => {
    const { runDir } = await makeChains(folder, { runId: 'cut-off' });
    truncateSync(join(runDir, 'draws/part-0.parquet'), 1000);
    const { code, errors } = await failure(runDir);
    expect([code, errors]).toEqual([3, expect.stringContaining('part-0.parquet')]);
  });

  it('has damage inside a table: exit 3', async () => {
    const { runDir } = await makeSweep(folder, { runId: 'scratched' });
    const file = join(runDir, 'regions/part-0.parquet');
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4, 400);
    writeFileSync(file, bytes);
    const { code, errors } = await failure(runDir);
    expect([code, errors]).toEqual([3, expect.stringContaining('cannot be read')]);
  });
});

describe('the report of runs about images', () => {
  it('shows likelihoods with errors and n, pictures as they are in the tables, and rows of filled-in images', async () => {
    const runs = await makeImages(folder, { runId: 'images' });
    const { document, text } = await reportOf(runs.map(({ runDir }) => runDir));
    const headings = [...document.querySelectorAll('section > h2')].map((each) => each.textContent);
    expect(headings).toEqual([
      ...['What was run', 'Likelihood of test images', 'Samples', 'Training'],
      ...['What was run', 'Filled-in images'],
    ]);
    expect(text).toContain('-126.00 ± 2.50');
    expect(text).toContain('5,000 importance draws of each of 50 test images');
    expect(text).toContain('n = 16 draws of N(0, I) a model');
    expect(text).toContain('n = 3 chains of 40 sweeps');
    const strips = [...document.querySelectorAll('image')].map((each) => each.getAttribute('href')!);
    // Samples; then what is true and given, and two chains of one sampler.
    expect(strips).toHaveLength(4);
    const pixels = async (uri: string) =>
      sharp(Buffer.from(uri.slice(uri.indexOf(',') + 1), 'base64'))
        .raw()
        .toBuffer({ resolveWithObject: true });
    const given = await pixels(strips[1]!);
    const at = (place: number, row: number, column: number) => {
      const { width, channels } = given.info;
      return given.data[(row * width + 9 * place + column) * channels];
    };
    // A column is lit or not in the true picture; its upper half is missing, which is shown grey.
    expect([at(0, 0, 0), at(0, 0, 1), at(1, 7, 0), at(1, 7, 1)]).toEqual([0, 255, 0, 255]);
    expect([at(1, 0, 0), at(1, 3, 5)]).toEqual([115, 115]);
    expect((await pixels(strips[2]!)).info.width).toBe(5 * 9);
  });

  it('keeps a hostile name of a model as text', async () => {
    const runs = await makeImages(folder, { runId: 'hostile-images', model: HOSTILE });
    const { document, text } = await reportOf(runs.map(({ runDir }) => runDir));
    expect(text).not.toContain(HOSTILE);
    expect(document.querySelectorAll('img')).toHaveLength(0);
    expect(document.querySelector('main')!.textContent).toContain(HOSTILE);
  });
});
