// Pictures of points come out of the data set that the run read, or not at all.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { writeReport } from '../../../infra/cli/report-command.ts';
import { makeSweep } from './make-run.ts';

it('images in folders are shown, until one of them changes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-pictures-'));
  const photos = join(folder, 'photos');
  for (const [i, name] of ['a', 'b'].entries()) {
    mkdirSync(join(photos, name), { recursive: true });
    const create = { width: 16, height: 16, channels: 3 as const, background: { r: 200 * i, g: 0, b: 200 } };
    for (let k = 0; k < 6; k++)
      await sharp({ create })
        .png()
        .toFile(join(photos, name, `${k}.png`));
  }
  const dataset = { format: 'images', data: join(photos, '*/*.png'), shape: [3, 16, 16] } as const;
  const { runDir } = await makeSweep(folder, { runId: 'photos', regions: 6, dataset });
  const pageOf = async () => {
    const file = join(folder, 'report.html');
    await writeReport([runDir], { file });
    const text = readFileSync(file, 'utf8');
    return { text, thumbs: parseHTML(text).document.querySelectorAll('.thumb').length };
  };
  const shown = await pageOf();
  expect(shown.thumbs).toBeGreaterThan(0);
  expect(shown.text).not.toContain('Pictures are left out');
  writeFileSync(join(photos, 'b/5.png'), 'another picture');
  const changed = await pageOf();
  expect(changed.thumbs).toBe(0);
  expect(changed.text).toContain('is not the file that the run read');
  rmSync(folder, { recursive: true });
});
