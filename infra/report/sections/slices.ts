// Exact pictures of planes: every polygon with its code, class and slope, drawn in the browser from packed vertices.

import { gzipSync } from 'node:zlib';
import { formatCount } from '../../cli/format.ts';
import { colourOf, type Drawing } from '../chart.ts';
import { dataTable } from '../data-table.ts';
import { significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { kindOfModel, mainModel, sqlText } from '../models.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Polygons that the page carries; planes beyond them stay in the tables. */
const MOST_POLYGONS = 160_000;
/** Vertices are kept to this share of the box: less than a pixel at sixteen times zoom on a large screen. */
const GRID = 65_535;

interface PackedSlice {
  readonly run: string;
  readonly model: string;
  readonly slice: string;
  readonly space: string;
  readonly box: readonly number[];
  readonly anchors: readonly number[];
  readonly points: readonly string[];
  readonly polygons: number;
  /** Base64 of gzip: see {@link packPolygons}. */
  readonly data: string;
}

export const slices: Section = {
  id: 'slices',
  title: 'Slices',
  async render(context) {
    const runs = context.runs.filter((run) => run.has('slices'));
    if (runs.length === 0) return null;
    const packed: PackedSlice[] = [];
    const rows: Row[] = [];
    let left = MOST_POLYGONS;
    for (const run of runs) {
      const all = await run.rows('SELECT * FROM {slices}');
      rows.push(...all);
      for (const slice of shownFirst(all, await mainModel(run), runs.length)) {
        if (Number(slice.n_polygons) > left) continue;
        left -= Number(slice.n_polygons);
        packed.push(await packSlice(context, run, slice));
      }
    }
    context.useScript('slice-scene');
    context.useScript('slices');
    const names = await classNames(context, runs);
    return html`<p>A plane through activation space, cut up exactly: within each polygon every unit keeps its sign and the network is
affine. Neighbours differ across one boundary. Affine norm: Frobenius norm of that polygon's map from the space to the logits.</p>${viewer(packed)}${context.embed('slices-data', { slices: packed, classes: names })}
${sliceTable(rows, packed)}`;
  },
};

/** The main model's planes, then one control of each kind where there is one run: several runs are checkpoints of one net. */
function shownFirst(rows: readonly Row[], main: string, runs: number): readonly Row[] {
  const mains = rows.filter(({ model }) => model === main);
  if (runs > 1) return mains;
  const first = new Map<string, string>();
  for (const { model } of rows) {
    const kind = kindOfModel(String(model));
    if (model !== main && !first.has(kind)) first.set(kind, String(model));
  }
  return [...mains, ...rows.filter(({ model }) => [...first.values()].includes(String(model)))];
}

async function packSlice(context: SectionContext, run: ReportRun, slice: Row): Promise<PackedSlice> {
  const polygons = await run.rows(`
    SELECT xy, digest, pred_class, jac_fro FROM {slice_polygons}
    WHERE model = ${sqlText(String(slice.model))} AND slice_id = ${sqlText(String(slice.slice_id))} ORDER BY polygon_id`);
  const box = [slice.x0, slice.y0, slice.x1, slice.y1].map(Number);
  context.fileFigure({
    id: `${slice.slice_id}-${slice.model}-${run.runId}`.replace(/[^\w.-]+/g, '-'),
    title: `${slice.slice_id}, ${slice.model}, ${run.runId}: polygons by class`,
    draw: () => sliceDrawing(polygons, box),
  });
  return {
    run: run.runId,
    model: String(slice.model),
    slice: String(slice.slice_id),
    space: String(slice.space),
    box,
    anchors: slice.anchors as number[],
    points: (slice.point_ids as number[]).map(String),
    polygons: polygons.length,
    data: gzipSync(packPolygons(polygons, box), { level: 9 }).toString('base64'),
  };
}

/** The plane as a picture for paper: polygons by class, paler where the network is flatter, with their boundaries. */
function sliceDrawing(
  polygons: readonly Row[],
  [x0 = 0, y0 = 0, x1 = 1, y1 = 1]: readonly number[],
): Drawing {
  const width = 720;
  const scale = width / (x1 - x0);
  const slopes = polygons.map((row) => Math.log(Number(row.jac_fro))).filter(Number.isFinite);
  const [low, high] = [
    slopes.reduce((a, b) => Math.min(a, b), 0),
    slopes.reduce((a, b) => Math.max(a, b), 0),
  ];
  const paths = polygons.map((row) => {
    const xy = row.xy as readonly number[];
    const corners = xy.map((value, i) => ((i % 2 === 0 ? value - x0 : y1 - value) * scale).toFixed(2));
    const share = (Math.log(Number(row.jac_fro)) - low) / (high - low);
    const opacity = Number.isFinite(share) ? 0.35 + 0.65 * share : 1;
    return `<path d="M${corners.join(' ')}Z" fill="${colourOf(Number(row.pred_class ?? 0))}" fill-opacity="${opacity.toFixed(2)}"/>`;
  });
  const svg = `<g stroke="#000000" stroke-width="0.3" stroke-opacity="0.4">${paths.join('')}</g>`;
  return { width, height: Math.round((y1 - y0) * scale), svg };
}

/**
 * Little-endian: number of polygons P, number of vertices V (uint32 each); then for all polygons vertices (uint16), class
 * (int16, -1 for none), slope (float32), the first 8 bytes of the digest; then x and y of all vertices (uint16) on the grid of the box.
 */
export function packPolygons(rows: readonly Row[], box: readonly number[]): Uint8Array {
  const lists = rows.map(({ xy }) => xy as readonly number[]);
  const vertices = lists.reduce((sum, list) => sum + list.length / 2, 0);
  const count = rows.length;
  const bytes = new Uint8Array(8 + count * 16 + vertices * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, count, true);
  view.setUint32(4, vertices, true);
  const [classes, slopes, digests, corners] = [8 + 2 * count, 8 + 4 * count, 8 + 8 * count, 8 + 16 * count];
  const [x0 = 0, y0 = 0, x1 = 1, y1 = 1] = box;
  let at = corners;
  rows.forEach((row, i) => {
    const list = lists[i]!;
    view.setUint16(8 + 2 * i, list.length / 2, true);
    view.setInt16(classes + 2 * i, typeof row.pred_class === 'number' ? row.pred_class : -1, true);
    view.setFloat32(slopes + 4 * i, typeof row.jac_fro === 'number' ? row.jac_fro : Number.NaN, true);
    bytes.set((row.digest as Uint8Array).subarray(0, 8), digests + 8 * i);
    for (let vertex = 0; vertex < list.length; vertex += 2, at += 4) {
      view.setUint16(at, onGrid((list[vertex]! - x0) / (x1 - x0)), true);
      view.setUint16(at + 2, onGrid((list[vertex + 1]! - y0) / (y1 - y0)), true);
    }
  });
  return bytes;
}

function onGrid(share: number): number {
  return Math.max(0, Math.min(GRID, Math.round(share * GRID)));
}

/** Names and colours of the classes that polygons of these runs have, by class id. */
async function classNames(context: SectionContext, runs: readonly ReportRun[]) {
  const named: Record<string, { readonly name: string; readonly colour: string }> = {};
  for (const run of runs) {
    const book = context.exemplars(run);
    const rows = await run.rows(
      'SELECT DISTINCT pred_class AS id FROM {slice_polygons} WHERE pred_class IS NOT NULL',
    );
    for (const { id } of rows)
      named[String(id)] = { name: book.className(id) ?? String(id), colour: colourOf(Number(id)) };
  }
  return named;
}

function viewer(packed: readonly PackedSlice[]): Markup {
  const planes = [...new Set(packed.map(({ slice }) => slice))];
  const nets = [...new Set(packed.map(({ run, model }) => `${run} · ${model}`))];
  return html`<div class="slices" id="slices-panel">
<form class="controls" aria-label="What the picture shows">
<label>Plane <select id="slices-plane">${planes.map((name) => html`<option>${name}</option>`)}</select></label>
<label>Network <input type="range" id="slices-net" min="0" max="${nets.length - 1}" step="1" value="0" aria-describedby="slices-net-name"> <output id="slices-net-name" for="slices-net">${nets[0] ?? ''}</output></label>
<label>Colour <select id="slices-colour"><option value="class">class and slope</option><option value="code">code</option><option value="slope">slope (log)</option></select></label>
<label><input type="checkbox" id="slices-edges" checked> boundaries</label>
<span class="buttons"><button type="button" id="slices-in" aria-label="Zoom in">+</button><button type="button" id="slices-out" aria-label="Zoom out">−</button><button type="button" id="slices-reset">Whole plane</button></span>
</form>
<div class="slice-frame"><canvas id="slices-canvas" width="1200" height="900" tabindex="0" role="img" aria-label="Polygons of the plane. Arrow keys move, plus and minus zoom, 0 shows the whole plane." aria-describedby="slices-hover"></canvas></div>
<p id="slices-hover" role="status" class="hover">Point at a polygon, or use the arrow keys; the middle of the picture is described.</p>
<ul id="slices-legend" class="legend"></ul>
<p class="none hint">Drag to move; <kbd>+</kbd>, <kbd>−</kbd>, or the wheel after a click, to zoom; <kbd>0</kbd> for the whole plane.</p>
<p class="none" id="slices-box"></p>
<noscript><p>The pictures need scripts; the table does not.</p></noscript></div>`;
}

function sliceTable(rows: readonly Row[], packed: readonly PackedSlice[]): Markup {
  const columns = [
    'run',
    'model',
    'plane',
    'polygons',
    'codes',
    'classes',
    'boundary, units',
    'decision boundary, units',
    'slivers left out',
    'picture',
  ];
  const cells = rows.map((row) => [
    String(row.run_id),
    String(row.model),
    String(row.slice_id),
    formatCount(Number(row.n_polygons)),
    formatCount(Number(row.n_codes)),
    row.n_classes === null ? '–' : String(row.n_classes),
    significant(row.boundary_length, 4),
    significant(row.decision_length, 4),
    formatCount(Number(row.n_slivers)),
    packed.some((each) => each.run === row.run_id && each.model === row.model && each.slice === row.slice_id)
      ? 'above'
      : 'in the tables',
  ]);
  return dataTable(columns, cells, 'Planes; lengths are in units of the space that they lie in');
}
