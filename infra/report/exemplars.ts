// Examples of a run's data: pictures cut from one sprite per run, or text with the token marked. Sections ask for
// points by number; pictures are decoded together when the page is finished.

import type { Cell, ReportRun } from './report-run.ts';
import { html, type Markup } from './markup.ts';
import { makeSprite, openPictures, type Pictures, type Sprite } from './pictures.ts';

export interface Exemplar {
  readonly pointId: number;
  /** Label as people read it; null without. */
  readonly label: string | null;
  readonly predicted: string | null;
  /** Text around the point, itself between guillemets; null for images. */
  readonly context: string | null;
  /** Number of the picture in the sprite; null without one. */
  readonly picture: number | null;
}

/** Pictures of one run: more are only named. */
const MOST_PICTURES = 6000;

export class ExemplarBook {
  readonly #run: ReportRun;
  readonly #pictures: Pictures | null;
  readonly #places = new Map<number, number>();
  readonly #labelNames: readonly string[] | null;
  /** Tells the run's pictures from those of other runs in the page. */
  readonly spriteClass: string;
  /** Why there are no pictures, for people; null where there are, or where the data are no images. */
  readonly notice: string | null;

  private constructor(run: ReportRun, spriteClass: string, opened: Awaited<ReturnType<typeof openPictures>>) {
    this.#run = run;
    this.#pictures = opened.pictures;
    this.#labelNames = opened.labelNames;
    this.notice = opened.notice;
    this.spriteClass = spriteClass;
  }

  static async open(run: ReportRun, spriteClass: string): Promise<ExemplarBook> {
    return new ExemplarBook(run, spriteClass, await openPictures(run));
  }

  /** What is known of points; a picture is reserved for each while there is room. */
  async describe(pointIds: readonly number[]): Promise<ReadonlyMap<number, Exemplar>> {
    const ids = [...new Set(pointIds)];
    if (ids.length === 0 || !this.#run.has('points')) return new Map();
    const isSweep = this.#run.manifest.kind === 'sweep';
    const rows = await this.#run.rows(`
      SELECT point_id, any_value(label) AS label, any_value(CAST(label_name AS VARCHAR)) AS label_name,
        any_value(pred_class) AS pred_class, ${isSweep ? 'any_value(context)' : 'NULL'} AS context
      FROM {points} WHERE point_id IN (${ids.join(', ')}) GROUP BY point_id`);
    const known = new Map(rows.map((row) => [Number(row.point_id), row]));
    return new Map(ids.map((id) => [id, this.#exemplar(id, known.get(id) ?? {})]));
  }

  /** A class as people read it. */
  className(id: Cell | undefined): string | null {
    if (typeof id !== 'number' || id < 0) return null;
    return this.#labelNames?.[id] ?? String(id);
  }

  /** The pictures that were asked for, or null where there are none. */
  async sprite(): Promise<Sprite | null> {
    try {
      return this.#pictures === null || this.#places.size === 0
        ? null
        : await makeSprite(this.#pictures, [...this.#places.keys()]);
    } finally {
      await this.#pictures?.close();
    }
  }

  /** The picture or text of an exemplar. */
  markup({ pointId, label, context, picture }: Exemplar): Markup {
    const name = `point ${pointId}${label === null ? '' : `, label ${label}`}`;
    if (context !== null) return html`<span class="context" title="${name}">${markedContext(context)}</span>`;
    if (picture === null) return html`<span class="unpictured">${name}</span>`;
    const at = this.#pictures!.place(picture);
    return html`<span class="thumb ${this.spriteClass}" style="background-position:${-at.x}px ${-at.y}px" role="img" aria-label="${name}" title="${name}"></span>`;
  }

  /** Where pictures lie in the sprite, for scripts. */
  get geometry(): { readonly side: number; readonly columns: number; readonly sprite: string } | null {
    if (this.#pictures === null) return null;
    return { side: this.#pictures.side, columns: this.#pictures.columns, sprite: this.spriteClass };
  }

  #exemplar(pointId: number, row: Readonly<Record<string, Cell>>): Exemplar {
    return {
      pointId,
      label: typeof row.label_name === 'string' ? row.label_name : this.className(row.label),
      predicted: this.className(row.pred_class),
      context: typeof row.context === 'string' ? row.context : null,
      picture: this.#reserve(pointId),
    };
  }

  #reserve(pointId: number): number | null {
    if (this.#pictures === null) return null;
    const known = this.#places.get(pointId);
    if (known !== undefined) return known;
    if (this.#places.size >= MOST_PICTURES) return null;
    this.#places.set(pointId, this.#places.size);
    return this.#places.size - 1;
  }
}

/** The token between guillemets, marked. */
export function markedContext(context: string): Markup {
  const found = /^([\s\S]*?)«([\s\S]*?)»([\s\S]*)$/.exec(context);
  if (found === null) return html`${context}`;
  const [, before = '', token = '', after = ''] = found;
  return html`${before}<mark>${token}</mark>${after}`;
}
