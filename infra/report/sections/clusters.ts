// Clusters of activations and codes: agreement with labels, and a card for each of the largest ones.

import * as Plot from '@observablehq/plot';
import { ACCENT, CONTROL, draw, type Drawing, shortenedByName, SOFT } from '../chart.ts';
import { formatCount, plural } from '../../cli/format.ts';
import { dataTable } from '../data-table.ts';
import { fixed, percent, range } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { mainModel, sqlText } from '../models.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

const CARDS = 12;
/** Characters of a space's name beside a figure. */
const NAME_LENGTH = 32;
const EXEMPLARS = 9;

export const clusters: Section = {
  id: 'clusters',
  title: 'Clusters',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      if (!run.has('clusterings')) continue;
      const main = await mainModel(run);
      parts.push(await agreement(context, run, main), await cards(context, run, main));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function agreement(context: SectionContext, run: ReportRun, main: string): Promise<Markup> {
  const rows = (
    await run.rows(
      "SELECT *, span || ', ' || feature AS space FROM {clusterings} WHERE is_first AND algorithm = 'hdbscan'",
    )
  ).filter(({ ami_all: ami }) => typeof ami === 'number');
  const mains = rows.filter(({ model }) => model === main);
  const spaces = [...new Set(mains.map(({ space }) => String(space)))];
  const controls = rows.filter((row) => row.model !== main && spaces.includes(String(row.space)));
  const drawing = agreementDrawing({ main, mains, controls, spaces });
  return context.figure({
    id: `cluster-agreement-${run.runId}`,
    title: `Do density clusters agree with labels, ${run.runId}`,
    caption: `HDBSCAN in each space (layer, what a point is), noise counting as one cluster; bars: 95 % jackknife intervals; n = ${formatCount(Number(mains[0]?.points ?? 0))} points. 0 is chance. Points in no cluster are many in some spaces: purity of the rest is a selected sample.`,
    drawing,
    data: agreementNumbers(mains),
  });
}

interface Compared {
  readonly main: string;
  readonly mains: readonly Row[];
  readonly controls: readonly Row[];
  readonly spaces: readonly string[];
}

/** Dots and intervals by space, controls grey. */
function agreementDrawing({ main, mains, controls, spaces }: Compared): Drawing {
  const shown = shortenedByName(spaces, NAME_LENGTH);
  return draw(
    {
      height: 60 + spaces.length * 24,
      marginLeft: 8 + 7 * NAME_LENGTH,
      x: {
        label: 'adjusted mutual information with the labels →',
        grid: true,
        domain: [Math.min(0, ...mains.map((row) => Number(row.ci_low ?? 0))), 1],
      },
      y: { domain: spaces, label: null, tickSize: 0, tickFormat: (name: string) => shown.get(name) ?? name },
      marks: [
        Plot.ruleX([0], { stroke: SOFT }),
        Plot.dot(controls, { x: 'ami_all', y: 'space', fill: CONTROL, r: 2.6 }),
        Plot.ruleY(mains, { x1: 'ci_low', x2: 'ci_high', y: 'space', stroke: ACCENT, strokeWidth: 2.2 }),
        Plot.dot(mains, { x: 'ami_all', y: 'space', fill: ACCENT, r: 4.5 }),
      ],
    },
    [
      { label: main, colour: ACCENT },
      { label: 'controls', colour: CONTROL },
    ],
  );
}

function agreementNumbers(mains: readonly Row[]) {
  const columns = [
    'space',
    'metric',
    'clusters',
    'in no cluster',
    'AMI, noise as a cluster',
    '95 % interval',
    'by chance',
    'AMI in clusters',
    'n',
  ];
  return {
    columns,
    rows: mains.map((row) => [
      String(row.space),
      String(row.metric),
      String(row.n_clusters),
      percent(row.noise_fraction),
      fixed(row.ami_all, 3),
      range(row.ci_low, row.ci_high),
      fixed(row.ami_all_chance, 4),
      fixed(row.ami, 3),
      formatCount(Number(row.points)),
    ]),
  };
}

async function cards(context: SectionContext, run: ReportRun, main: string): Promise<Markup> {
  const rows = await run.rows(`
    SELECT c.span, c.feature, c.clustering_id, c.cluster_id, any_value(c.size) AS size, any_value(c.purity) AS purity, any_value(c.entropy_bits) AS entropy,
      any_value(c.best_neuron) AS neuron, any_value(c.top_label) AS top_label,
      any_value(c.baseline_entropy_bits) FILTER (c.baseline_kind = 'neuron') AS neuron_entropy,
      any_value(m.points) AS points, any_value(m.contexts) AS contexts
    FROM {clusters} c JOIN (
      SELECT clustering_id, cluster_id, list(point_id ORDER BY dist_to_medoid, point_id)[:${EXEMPLARS}] AS points,
        list(context ORDER BY dist_to_medoid, point_id)[:${EXEMPLARS}] AS contexts
      FROM {cluster_members} WHERE model = ${sqlText(main)} AND cluster_id >= 0 GROUP BY ALL) m USING (clustering_id, cluster_id)
    WHERE c.model = ${sqlText(main)} GROUP BY c.span, c.feature, c.clustering_id, c.cluster_id
    QUALIFY row_number() OVER (PARTITION BY c.clustering_id ORDER BY any_value(c.size) DESC, c.cluster_id) <= ${CARDS}
    ORDER BY c.clustering_id, size DESC, c.cluster_id`);
  const spaces = [...new Set(rows.map((row) => `${row.span}, ${row.feature}`))];
  const order = (space: string) => (space.includes('code_') && !space.includes('permuted') ? 0 : 1);
  spaces.sort((a, b) => order(a) - order(b));
  const parts: Markup[] = [];
  for (const [i, space] of spaces.entries()) {
    const of = rows.filter((row) => `${row.span}, ${row.feature}` === space);
    parts.push(await spaceCards(context, run, { space, rows: of, open: i === 0 }));
  }
  return html`<h3>The ${CARDS} largest clusters of each space, ${main}</h3><p>Examples are the members nearest to the medoid. Entropy of the best-aligned neuron is that of as many of its top points.</p>${parts}`;
}

async function spaceCards(
  context: SectionContext,
  run: ReportRun,
  { space, rows, open }: { readonly space: string; readonly rows: readonly Row[]; readonly open: boolean },
): Promise<Markup> {
  const book = context.exemplars(run);
  const known = await book.describe(rows.flatMap(({ points }) => points as number[]));
  const list = rows.map((row) => {
    const contexts = row.contexts as (string | null)[];
    const examples = (row.points as number[]).map((id, i) => {
      const exemplar = known.get(id) ?? {
        pointId: id,
        label: null,
        predicted: null,
        context: null,
        picture: null,
      };
      return book.markup({ ...exemplar, context: contexts[i] ?? exemplar.context });
    });
    const label = book.className(row.top_label);
    return html`<li class="card"><p class="card-title">${plural(Number(row.size), 'point')}${label === null ? null : `, mostly ${label}`}</p>
<p class="scores">purity ${fixed(row.purity, 2)}, entropy ${fixed(row.entropy, 2)} bits</p><p class="scores">${row.neuron === null ? null : `neuron ${row.neuron}: ${fixed(row.neuron_entropy, 2)} bits`}</p>
<div class="examples">${examples}</div></li>`;
  });
  return html`<details class="span"${open ? html` open` : null}><summary>${space}</summary><ul class="cards">${list}</ul></details>`;
}

export const clusterTable: Section = {
  id: 'clusterings',
  title: 'All clusterings',
  async render({ runs }) {
    const parts: Markup[] = [];
    for (const run of runs) {
      if (!run.has('clusterings')) continue;
      const rows = await run.rows(
        `SELECT * FROM {clusterings} WHERE model = ${sqlText(await mainModel(run))}`,
      );
      const columns = [
        'space',
        'algorithm',
        'min. size',
        'min. samples',
        'selection',
        'clusters',
        'in no cluster',
        'AMI',
        'ARI',
        'AMI, noise as a cluster',
        '95 % interval',
        'n',
      ];
      const cells = rows.map((row) => [
        `${row.span}, ${row.feature}`,
        String(row.algorithm),
        String(row.min_cluster_size ?? '–'),
        String(row.min_samples ?? '–'),
        String(row.selection ?? '–'),
        String(row.n_clusters),
        percent(row.noise_fraction),
        fixed(row.ami, 3),
        fixed(row.ari, 3),
        fixed(row.ami_all, 3),
        range(row.ci_low, row.ci_high),
        formatCount(Number(row.points)),
      ]);
      parts.push(
        html`<details><summary>${plural(rows.length, 'clustering')} of ${run.runId}, by setting</summary>${dataTable(columns, cells)}</details>`,
      );
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};
