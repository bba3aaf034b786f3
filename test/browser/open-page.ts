// A page from disk in headless Chromium, with everything that it asks for or complains about.

import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
}

export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** Console messages of all levels, and uncaught errors. */
  readonly complaints: string[];
  /** Addresses beyond the file itself and what it carries. */
  readonly requests: string[];
  readonly loadMs: number;
}

export async function openPage(
  browser: Browser,
  file: string,
  { width = 1280, scheme = 'light' }: { readonly width?: number; readonly scheme?: 'light' | 'dark' } = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  const page = await context.newPage();
  const [complaints, requests]: [string[], string[]] = [[], []];
  const url = pathToFileURL(file).href;
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const asked = request.url();
    if (asked !== url && !/^(data|blob):/.test(asked)) requests.push(asked);
  });
  const startedMs = performance.now();
  await page.goto(url, { waitUntil: 'load' });
  const loadMs = performance.now() - startedMs;
  return { page, complaints, requests, loadMs, [Symbol.asyncDispose]: () => context.close() };
}
