// From run folders to one page and its figures.

import { join } from 'node:path';
import sharp from 'sharp';
import { writeWhole } from '../blobs/storage.ts';
import { makeLocalFolder } from '../local-folder.ts';
import { CODE_VERSION } from '../run-manifest.ts';
import { inlineSvg, svgFile } from './chart.ts';
import { dataTable } from './data-table.ts';
import { ExemplarBook } from './exemplars.ts';
import { embedJson, html, Markup } from './markup.ts';
import { type PagePart, type PageSection, pageDocument } from './page.ts';
import type { ReportRun } from './report-run.ts';
import type { BrowserScript, Figure, FigureFile, SectionContext } from './section.ts';
import { type RunGroup, groupRuns } from './sections.ts';

export interface Report {
  readonly html: string;
  readonly figures: readonly FigureFile[];
}

/** Figures as pixels are for slides: twice the size of the drawing. */
const PIXELS_PER_UNIT = 2;

/** Renders the runs, those of one kind together. */
export async function renderReport(runs: readonly ReportRun[]): Promise<Report> {
  const maker = new ReportMaker();
  const groups = groupRuns(runs);
  const parts: PagePart[] = [];
  for (const group of groups) parts.push(await maker.part(group, groups.length > 1));
  return { html: await maker.page(runs, parts), figures: maker.figures };
}

/** Writes every figure as SVG and as PNG. */
export async function writeFigures(folder: string, figures: readonly FigureFile[]): Promise<void> {
  makeLocalFolder(folder);
  for (const figure of figures) {
    const { title } = figure;
    // Ids hold the run's id, which somebody else's run.json may have chosen.
    const id = figure.id.replace(/[^\w.-]+/g, '-');
    const svg = Buffer.from(svgFile(figure.draw(), title));
    await writeWhole(join(folder, `${id}.svg`), svg);
    const png = await sharp(svg, { density: 72 * PIXELS_PER_UNIT, unlimited: true })
      .png()
      .toBuffer();
    await writeWhole(join(folder, `${id}.png`), png);
  }
}

class ReportMaker {
  readonly figures: FigureFile[] = [];
  readonly #scripts = new Set<BrowserScript>();
  readonly #books = new Map<ReportRun, ExemplarBook>();

  async part(group: RunGroup, several: boolean): Promise<PagePart> {
    for (const run of group.runs)
      this.#books.set(run, await ExemplarBook.open(run, `sprite-${this.#books.size}`));
    const prefix = several ? `${group.id}-` : '';
    const context = this.#context(group.runs, prefix);
    const sections: PageSection[] = [];
    for (const { id, title, render } of group.sections) {
      const content = await render(context);
      if (content !== null) sections.push({ id: `${prefix}${id}`, title, content });
    }
    return { id: `part-${group.id}`, title: several ? group.title : null, sections };
  }

  async page(runs: readonly ReportRun[], parts: readonly PagePart[]): Promise<string> {
    const sprites = [];
    for (const book of this.#books.values()) {
      const sprite = await book.sprite();
      if (sprite !== null) sprites.push({ name: book.spriteClass, sprite });
    }
    const [first] = runs;
    const when = first?.manifest.finishedAt?.slice(0, 10) ?? '';
    return pageDocument({
      title: runs.map(({ runId }) => runId).join(', '),
      lead: `${parts.length > 1 ? 'Several kinds of run' : leadOf(first)}${when === '' ? '' : `, finished ${when}`}.`,
      madeBy: `Tessera ${CODE_VERSION}`,
      parts,
      scripts: [...this.#scripts],
      sprites,
    });
  }

  #context(runs: readonly ReportRun[], prefix: string): SectionContext {
    return {
      runs,
      exemplars: (run) => this.#books.get(run)!,
      figure: (figure) => this.#figure({ ...figure, id: `${prefix}${figure.id}` }),
      fileFigure: ({ id, title, draw }) => this.figures.push({ id: `${prefix}${id}`, title, draw }),
      useScript: (name) => this.#scripts.add(name),
      embed: (id, value) => embedJson(id, value),
    };
  }

  #figure(figure: Figure): Markup {
    const { id, title, caption, drawing, data, above = null } = figure;
    this.figures.push({ id, title, draw: () => drawing });
    const behind =
      data === undefined
        ? null
        : html`<details><summary>Numbers behind the figure</summary>${dataTable(data.columns, data.rows)}</details>`;
    const svg = new Markup(inlineSvg(drawing, title));
    return html`<figure id="figure-${id}"><figcaption><strong>${title}.</strong> ${caption}</figcaption><div class="drawing" tabindex="0" role="group" aria-label="${title}, figure"><div class="canvas">${above}${svg}</div></div>${behind}</figure>`;
  }
}

function leadOf(run: ReportRun | undefined): string {
  const config = run?.manifest.config;
  if (config === undefined) return '';
  if (config.kind === 'sweep') return 'Which polytopes a corpus visits, and what falls into them';
  if (config.kind === 'lens') return `Lens experiment: ${config.experiment.replaceAll('_', ' ')}`;
  if ('target' in config) return 'Markov chains with learned proposals';
  return config.experiment === 'vae'
    ? 'Autoencoders of one architecture, and what stands between encoder and decoder'
    : 'Images whose missing part is filled in by chains';
}
