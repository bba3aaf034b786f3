// Models of an experiment: the trained one (or the first), and the controls beside it.

import type { ReportRun } from './report-run.ts';

/** The model that a run is about: `trained`, or the first where there is none. */
export async function mainModel(run: ReportRun): Promise<string> {
  const rows = await run.rows('SELECT model FROM {runs}');
  const models = rows.map(({ model }) => String(model));
  return models.includes('trained') ? 'trained' : (models[0] ?? 'trained');
}

/** `random init`, `weight permuted`: a control without its seed, or the model as it is called. */
export function kindOfModel(model: string): string {
  return model.replace(/:\d+$/, '').replaceAll('_', ' ');
}

/** Text as a literal of SQL. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
