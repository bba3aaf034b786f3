// Pictures that trained decoders make of draws of the prior.

import { html, type Markup } from '../markup.ts';
import { pictureGrid, squareSide } from '../picture-grid.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Pictures of a training that are shown. */
const SHOWN = 16;

export const vaeSamples: Section = {
  id: 'samples',
  title: 'Samples',
  async render(context) {
    const parts: (Markup | null)[] = [];
    for (const run of context.runs) if (run.has('vae_samples')) parts.push(await samplesFigure(context, run));
    return parts.every((part) => part === null) ? null : html`${parts}`;
  },
};

async function samplesFigure(context: SectionContext, run: ReportRun): Promise<Markup | null> {
  const rows = await run.rows(`
    SELECT model, seed, sample, pixels FROM {vae_samples}
    WHERE sample < ${SHOWN} AND seed = (SELECT min(seed) FROM {vae_samples})`);
  const [first] = rows;
  const side = first === undefined ? null : squareSide((first.pixels as number[]).length);
  if (first === undefined || side === null) return null;
  const models = [...new Set(rows.map(({ model }) => String(model)))];
  const of = (model: string) => rows.filter((row) => row.model === model).toSorted(bySample);
  const drawing = await pictureGrid(
    models.map((model) => ({ label: model, pictures: of(model).map(({ pixels }) => pixels as number[]) })),
    { side },
  );
  return context.figure({
    id: `samples-${run.runId}`,
    title: `Decoded draws of the prior, ${run.runId}`,
    caption: `Probability of each pixel, 0 (black) to 1, of ${side} × ${side} pixels; n = ${of(models[0]!).length} draws of N(0, I) a model, the first ones, not chosen; training with seed ${String(first.seed)}. A column has the same latent vector in every row, whose meaning each model learns for itself.`,
    drawing,
  });
}

function bySample(a: Row, b: Row): number {
  return Number(a.sample) - Number(b.sample);
}
