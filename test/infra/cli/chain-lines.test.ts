// What a run says of regions: by mass, with the data beside, and how much of the mass has an error worth the name.

import { describe, expect, it } from 'vitest';
import type { ChainSummary } from '../../../schemas/messages.ts';
import { chainLines } from '../../../infra/cli/chain-lines.ts';
import { massesOf, type MassRow } from '../../../infra/metflow/heaviest-regions.ts';

const ROW: MassRow = {
  estimate: 'chains',
  span: 'network',
  kind: 'region',
  digest: new Uint8Array(16).fill(0xab),
  reliable: true,
  mass: 0.5,
  se: 0.01,
  ess: 2500,
  data_frequency: 0.25,
  difference: 0.25,
  p_adjusted: 0.001,
};
const ROWS: readonly MassRow[] = [
  ROW,
  { ...ROW, digest: new Uint8Array(16), reliable: false, mass: 0.125, ess: null, se: Number.NaN },
  { ...ROW, digest: new Uint8Array(16).fill(1), reliable: false, mass: 0, se: Number.NaN },
  { ...ROW, kind: 'other', digest: null, mass: 0.375 },
  { ...ROW, kind: 'unseen', digest: null, mass: 0.01 },
  { ...ROW, estimate: 'base_law', mass: 0.9 },
];

function linesOf(rows: readonly MassRow[]): string {
  const none = { diagnostics: [], kernels: [], modes: [], regions: [], bounds: [] };
  const summary: ChainSummary = {
    ...{ draws: 10, trainingSeconds: null, samplingSeconds: 1, ...none },
    masses: massesOf(rows),
  };
  return chainLines('r', summary).join('\n');
}

describe('masses of regions', () => {
  it('are those of the chains, not of controls or bins', () => {
    const [only, ...more] = massesOf(ROWS);
    expect(more).toEqual([]);
    expect(only).toMatchObject({ span: 'network', rows: 3, reliableRows: 1, reliableMass: 0.5 });
    expect(only!.heaviest.map(({ mass, se }) => [mass, se])).toEqual([
      [0.5, 0.01],
      [0.125, null],
    ]);
    expect(only!.rest).toEqual({ mass: 0.375, data_frequency: 0.5 });
  });

  it('are printed with error, data and what is reliable', () => {
    const lines = linesOf(ROWS);
    expect(lines).toMatch(/abababababab +50.00 % ± 1.00 % +2,500 +25.00 % +25.00 % +0.001/);
    expect(lines).toMatch(/000000000000 +12.50 % /);
    expect(lines).toMatch(/all others +37.50 % +50.00 %/);
    expect(lines).toContain('network 1 of 3 with 50.00 % of the mass');
  });

  it('have no p-value of 0', () => {
    expect(linesOf([{ ...ROW, p_adjusted: 0 }])).toContain('< 1e-300');
  });

  it('name the ten heaviest only', () => {
    const many = Array.from({ length: 40 }, () => ({ ...ROW, mass: 1 / 40, data_frequency: null }));
    const [only] = massesOf(many);
    expect(only!.heaviest).toHaveLength(10);
    expect(only!.rest.mass).toBeCloseTo(0.75, 12);
    expect(only!.rest.data_frequency).toBeNull();
  });

  it('are not spoken of without regions', () => {
    expect(massesOf([])).toEqual([]);
    expect(linesOf([])).not.toContain('reliable');
  });
});

describe('levels of a rare region', () => {
  const row = { level: 1, units: 2, share: 0.25, reliable: true };
  const first = { ...row, log_mass: Math.log(0.25), log_mass_se: 0.02, ci_low: 0.24, ci_high: 0.26 };
  const linesWith = (levels: ChainSummary['levels']) => {
    const none = { diagnostics: [], kernels: [], modes: [], regions: [], bounds: [] };
    return chainLines('r', {
      draws: 1,
      trainingSeconds: null,
      samplingSeconds: 1,
      ...none,
      ...{ levels },
    } as ChainSummary).join('\n');
  };

  it('end in the mass of the last, with its interval', () => {
    const last = {
      ...first,
      level: 2,
      share: 0.1,
      log_mass: Math.log(0.025),
      log_mass_se: 0.05,
      ci_low: 0.0227,
      ci_high: 0.0276,
    };
    expect(linesWith([first, last])).toContain(
      'levels  mass 0.025 (95 %: 0.0227 to 0.0276), log -3.689 ± 0.05, in 2 levels; all errors are reliable',
    );
    expect(linesWith([first, { ...last, reliable: false }])).toContain('; 1 of 2 errors is reliable');
  });

  it('that no draw passes have no mass', () => {
    const none = {
      ...row,
      share: 0,
      reliable: false,
      log_mass: null,
      log_mass_se: null,
      ci_low: null,
      ci_high: null,
    };
    expect(linesWith([first, none])).toContain('no draw passes all of 2 levels; 1 of 2 errors is reliable');
  });

  it('are not spoken of where there are none', () => {
    expect(linesWith([])).not.toContain('levels');
    expect(linesWith(undefined)).not.toContain('levels');
  });
});
