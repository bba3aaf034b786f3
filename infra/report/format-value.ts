// Numbers as a report shows them.

import type { Cell } from './report-run.ts';

/** So many significant digits, thousands parted, no trailing zeros; a dash for what is not there or not a number. */
export function significant(value: Cell | undefined, digits = 3): string {
  if (typeof value !== 'number' || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7))
    return value.toExponential(digits - 1);
  return Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 10 });
}

/** So many decimals; a dash for what is not there. */
export function fixed(value: Cell | undefined, decimals: number): string {
  return typeof value === 'number' && Number.isFinite(value) ? value.toFixed(decimals) : '–';
}

/** `0.91 to 1.20`; empty without both ends. */
export function range(low: Cell | undefined, high: Cell | undefined, digits = 3): string {
  if (typeof low !== 'number' || typeof high !== 'number') return '–';
  return `${significant(low, digits)} to ${significant(high, digits)}`;
}

/** `12.3 %`. */
export function percent(value: Cell | undefined, decimals = 1): string {
  return typeof value === 'number' && Number.isFinite(value) ? `${(100 * value).toFixed(decimals)} %` : '–';
}

/** No p-value is 0. */
export function pValue(value: Cell | undefined): string {
  if (typeof value !== 'number' || Number.isNaN(value)) return '–';
  return value < 1e-4 ? '< 0.0001' : significant(value, 2);
}

/** A digest, shortened. */
export function shortDigest(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').slice(0, 12);
}
