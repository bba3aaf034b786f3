// The report as a person meets it: in a browser, from disk, by mouse and by keyboard.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../infra/cli/report-command.ts';
import { makeChains, makeImages, makeSlice, makeSweep } from '../infra/report/make-run.ts';
import { accessibilityFaults, axeFaults, lowestContrast, unreachable } from './accessibility.ts';
import { launchBrowser, openPage } from './open-page.ts';

const HOSTILE = `</script><img src=x onerror=alert(1)>`;
const folder = mkdtempSync(join(tmpdir(), 'tessera-browser-'));
const files = {
  sweeps: join(folder, 'sweeps.html'),
  slices: join(folder, 'slices.html'),
  chains: join(folder, 'chains.html'),
  images: join(folder, 'images.html'),
};
let browser: Browser;

beforeAll(async () => {
  const labelNames = [HOSTILE, 'one'];
  const sweeps = [
    await makeSweep(folder, { runId: 'trained', labelNames }),
    await makeSweep(folder, { runId: 'control', labelNames, regions: 40, control: 'random_init' }),
    await makeSweep(folder, { runId: 'text', labelNames, context: `before «${HOSTILE}» after` }),
  ];
  await writeReport(
    sweeps.map(({ runDir }) => runDir),
    { file: files.sweeps },
  );
  const slices = [await makeSlice(folder, { runId: 'step-0' }), await makeSlice(folder, { runId: 'step-1' })];
  await writeReport(
    slices.map(({ runDir }) => runDir),
    { file: files.slices },
  );
  await writeReport([(await makeChains(folder, { runId: 'chains' })).runDir], { file: files.chains });
  const images = await makeImages(folder, { runId: 'images', model: HOSTILE });
  await writeReport(
    images.map(({ runDir }) => runDir),
    { file: files.images },
  );
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

function rowCount(page: Page): Promise<number> {
  return page.locator('#explorer-list tbody tr').count();
}

describe.each(Object.keys(files) as (keyof typeof files)[])('the page about %s', (name) => {
  it.each([
    [1280, 'light'],
    [1280, 'dark'],
    [380, 'light'],
  ] as const)(
    'opens at %i pixels, %s, without a complaint, a request or a fault of access',
    async (width, scheme) => {
      await using opened = await openPage(browser, files[name], { width, scheme });
      await opened.page.waitForTimeout(200);
      expect(opened.complaints).toEqual([]);
      expect(opened.requests).toEqual([]);
      expect(opened.loadMs).toBeLessThan(2000);
      expect(await accessibilityFaults(opened.page)).toEqual([]);
      expect(await axeFaults(opened.page)).toEqual([]);
      expect(await lowestContrast(opened.page)).toBeGreaterThan(4.5);
      // The page itself never scrolls sideways: wide tables and figures do so within themselves.
      expect(await opened.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
        width,
      );
    },
  );

  it('can be used by keyboard alone: Tab reaches everything that does something', async () => {
    await using opened = await openPage(browser, files[name]);
    await opened.page.waitForTimeout(200);
    expect(await unreachable(opened.page)).toEqual([]);
  });
});

describe('text from data', () => {
  it('is shown as it is and runs nothing', async () => {
    await using opened = await openPage(browser, files.sweeps);
    const { page, complaints } = opened;
    await page.selectOption('#explorer-run', { label: 'text' });
    await page.locator('#explorer-list tbody button').first().click();
    expect(await page.locator('#explorer-detail mark').first().textContent()).toBe(HOSTILE);
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('could not run a script even as markup: the policy forbids it', async () => {
    await using opened = await openPage(browser, files.sweeps);
    await opened.page.evaluate(
      (markup) => document.body.insertAdjacentHTML('beforeend', markup),
      '<img src="data:," onerror="alert(1)">',
    );
    await opened.page.waitForTimeout(200);
    expect(opened.complaints.filter((text) => text.startsWith('dialog'))).toEqual([]);
    expect(opened.complaints.join(' ')).toContain('Content Security Policy');
  });
});

describe('the region explorer', () => {
  it('filters by label, purity and layer, and orders', async () => {
    await using opened = await openPage(browser, files.sweeps);
    const { page } = opened;
    const found = page.locator('#explorer-found');
    expect(await found.textContent()).toBe('60 of 60 regions');
    await page.selectOption('#explorer-label', { label: 'one' });
    expect(await found.textContent()).toBe('29 of 60 regions');
    await page.selectOption('#explorer-label', { label: 'any label' });
    await page.locator('#explorer-purity-to').fill('0.9');
    // Even regions i of 60 - i + 1 points with one of another label: below 0.9 are those of at most 9 points, i >= 52.
    expect(await found.textContent()).toBe('4 of 60 regions');
    await page.selectOption('#explorer-order', 'purity');
    expect(await page.locator('#explorer-list tbody tr').first().locator('td').nth(2).textContent()).toBe(
      '0.89',
    );
    await page.selectOption('#explorer-run', { label: 'control' });
    await page.selectOption('#explorer-span', { label: 'network' });
    await page.locator('#explorer-purity-to').fill('1');
    expect(await found.textContent()).toBe('40 of 40 regions');
    expect(await rowCount(page)).toBe(40);
  });

  it('shows a region with pictures and leads on to its neighbours, by keyboard alone', async () => {
    await using opened = await openPage(browser, files.sweeps);
    const { page } = opened;
    expect(await rowCount(page)).toBe(40);
    await page.locator('#explorer-more').focus();
    await page.keyboard.press('Enter');
    expect(await rowCount(page)).toBe(60);
    await page.locator('#explorer-list tbody button').first().focus();
    await page.keyboard.press('Enter');
    const title = page.locator('#explorer-detail h3');
    const first = await title.textContent();
    expect(await page.locator('#explorer-detail .thumb').count()).toBe(2);
    const picture = page.locator('#explorer-detail .thumb').first();
    expect(await picture.evaluate((element) => getComputedStyle(element).backgroundImage)).toContain(
      'data:image/png',
    );
    await page.locator('#explorer-detail .neighbours button').first().focus();
    await page.keyboard.press('Space');
    expect(await title.textContent()).not.toBe(first);
  });

  it('follows the purity slider by arrow keys', async () => {
    await using opened = await openPage(browser, files.sweeps);
    const { page } = opened;
    await page.locator('#explorer-purity-from').focus();
    await page.keyboard.press('End');
    expect(await page.locator('#explorer-purity-low').textContent()).toBe('1.00');
    expect(await page.locator('#explorer-found').textContent()).toBe('31 of 60 regions');
  });
});

describe('slices', () => {
  async function pixel(page: Page, x: number, y: number): Promise<string> {
    return page.locator('#slices-canvas').evaluate(
      (canvas, [px, py]) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const context = (canvas as HTMLCanvasElement).getContext('2d')!;
        return [...context.getImageData(Math.round(px! * width), Math.round(py! * height), 1, 1).data].join();
      },
      [x, y],
    );
  }

  it('tell code, class and affine norm under the pointer', async () => {
    await using opened = await openPage(browser, files.slices);
    const { page } = opened;
    await page.waitForSelector('#slices-canvas[data-polygons="4"]');
    await page.locator('#slices-canvas').scrollIntoViewIfNeeded();
    const frame = (await page.locator('#slices-canvas').boundingBox())!;
    await page.mouse.move(frame.x + 0.9 * frame.width, frame.y + 0.5 * frame.height);
    // The triangle on the right: class 1, norm 2, code md5('1').
    const text = await page.locator('#slices-hover').textContent();
    expect(text).toContain('code c4ca4238a0b92382…, class 1, affine norm 2.000 logits per unit');
  });

  it('zoom, move, and go back by keyboard, describing the middle', async () => {
    await using opened = await openPage(browser, files.slices);
    const { page } = opened;
    await page.waitForSelector('#slices-canvas[data-polygons="4"]');
    const before = await pixel(page, 0.1, 0.5);
    await page.locator('#slices-canvas').focus();
    for (const key of ['+', '+', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight'])
      await page.keyboard.press(key);
    expect(await page.locator('#slices-hover').textContent()).toContain('class 1');
    expect(await pixel(page, 0.1, 0.5)).not.toBe(before);
    await page.keyboard.press('0');
    await page.locator('#slices-in').click();
    await page.locator('#slices-out').click();
    await page.locator('#slices-reset').click();
  });

  it('follow the choice of network, colour and boundaries', async () => {
    await using opened = await openPage(browser, files.slices);
    const { page } = opened;
    await page.waitForSelector('#slices-canvas[data-polygons="4"]');
    expect(await page.locator('#slices-legend li').count()).toBe(3);
    await page.locator('#slices-net').focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('#slices-net-name').textContent()).toBe('step-1 · trained');
    const byClass = await pixel(page, 0.9, 0.5);
    await page.selectOption('#slices-colour', 'slope');
    expect(await pixel(page, 0.9, 0.5)).not.toBe(byClass);
    const withEdges = await pixel(page, 0.25, 0.25);
    await page.locator('#slices-edges').press('Space');
    expect(await pixel(page, 0.25, 0.25)).not.toBe(withEdges);
  });
});

describe('the theme', () => {
  it('goes from the system to light to dark and back', async () => {
    await using opened = await openPage(browser, files.chains, { scheme: 'dark' });
    const { page } = opened;
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await paper();
    await page.locator('#theme').click();
    const light = await paper();
    expect(light).toBe('rgb(255, 255, 255)');
    await page.locator('#theme').press('Enter');
    expect([await paper(), await page.locator('#theme').textContent()]).toEqual([dark, 'Theme: dark']);
  });
});

describe('paper', () => {
  it('carries all figures and no controls', async () => {
    await using opened = await openPage(browser, files.sweeps, { scheme: 'dark' });
    const { page } = opened;
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('nav').isVisible()).toBe(false);
    expect(await page.locator('#explorer-panel').isVisible()).toBe(false);
    expect(await page.locator('figure svg').first().isVisible()).toBe(true);
    expect((await page.pdf()).length).toBeGreaterThan(50_000);
  });
});
