// `tessera report` of a large sweep: time and memory to write the page, its size, and how long it takes to open in a browser.
// node --import tsx test/bench/report.bench.ts [million points]; CHROMIUM names a browser.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeReport } from '../../infra/cli/report-command.ts';
import { launchBrowser, openPage } from '../browser/open-page.ts';
import { compared, median } from './comparison.ts';
import { makeLargeSweep } from './large-sweep.ts';

const LIMITS = { megabytes: 15, openMs: 2000 } as const;

const [millions = '5'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'report-bench-'));
try {
  const { runDir, regions } = await makeLargeSweep(folder, Number(millions) * 1e6);
  const file = join(folder, 'report.html');
  const before = process.cpuUsage();
  await writeReport([runDir], { file });
  const used = process.cpuUsage(before);
  const browser = await launchBrowser();
  const openMs: number[] = [];
  for (let i = 0; i < 3; i++) {
    await using opened = await openPage(browser, file);
    openMs.push(opened.loadMs);
  }
  await browser.close();
  const megabytes = statSync(file).size / 1e6;
  const seconds = (used.user + used.system) / 1e6;
  const resident = process.resourceUsage().maxRSS / 1024;
  console.log(
    `written in ${seconds.toFixed(1)} s of processor time, at most ${resident.toFixed(0)} MB resident`,
  );
  console.log(`${megabytes.toFixed(2)} MB; opens in ${median(openMs).toFixed(0)} ms`);
  const what = `report of ${millions} million points in ${(regions / 1e6).toFixed(1)} million regions`;
  compared('report', {
    what,
    unit: 'MB',
    ours: { name: 'page', value: megabytes },
    baseline: { name: 'allowed', value: LIMITS.megabytes },
  });
  compared('report', {
    what,
    unit: 'ms',
    ours: { name: 'opens in', value: median(openMs) },
    baseline: { name: 'allowed', value: LIMITS.openMs },
  });
  process.exitCode = megabytes < LIMITS.megabytes && median(openMs) < LIMITS.openMs ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
