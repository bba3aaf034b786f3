// Figures as tables and JSON hold them: one that is not defined is null.

export function finiteOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
