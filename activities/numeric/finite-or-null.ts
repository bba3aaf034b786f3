// Figures as tables and JSON hold them: one that is not defined is null.

export function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
