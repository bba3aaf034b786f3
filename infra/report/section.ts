// What a section is, and what it may use.

import type { Drawing } from './chart.ts';
import type { ExemplarBook } from './exemplars.ts';
import type { Markup } from './markup.ts';
import type { ReportRun } from './report-run.ts';

export interface Figure {
  /** Names the file of `--figures`, and the anchor. */
  readonly id: string;
  readonly title: string;
  /** Units, n, and what an interval is. */
  readonly caption: string | Markup;
  readonly drawing: Drawing;
  /** Markup over the drawing, as wide as it: pictures, which files leave out. */
  readonly above?: Markup;
  /** The numbers behind it, for readers who do not see it. */
  readonly data?: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] };
}

/** A figure as a file. */
export interface FigureFile {
  readonly id: string;
  readonly title: string;
  draw(): Drawing;
}

export type BrowserScript = 'explorer' | 'slice-scene' | 'slices';

export interface SectionContext {
  /** Runs of one kind (lens: of one experiment), in the order given. */
  readonly runs: readonly ReportRun[];
  /** Examples of a run's data, as pictures or text. */
  exemplars(run: ReportRun): ExemplarBook;
  /** Adds a figure to the page and to the files of `--figures`. */
  figure(figure: Figure): Markup;
  /** Adds a figure to the files alone: one that the page draws itself. */
  fileFigure(figure: FigureFile): void;
  /** Puts a script of `browser/` into the page. */
  useScript(name: BrowserScript): void;
  /** Embeds data for a script; `id` names the element. */
  embed(id: string, value: unknown): Markup;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** The section's content, or null where these runs have nothing for it. */
  render(context: SectionContext): Promise<Markup | null>;
}
