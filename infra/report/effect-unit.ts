// What the number called `effect` of a claim is, in words: claims of one experiment can measure different things.

const UNITS: readonly (readonly [experiment: string, claim: RegExp, unit: string])[] = [
  ['clusters', /purer/, 'difference of entropy, bits'],
  ['clusters', /agree .* more/, 'difference of adjusted mutual information'],
  ['clusters', /agree/, 'adjusted mutual information'],
  ['code_directions', /purer/, 'difference of entropy, bits'],
  ['compare', /share their class/, 'difference of shares of points'],
  ['complexity', /sparser/, 'difference of shares of crossing units'],
  ['density', /than angles let expect/, 'difference of normalised Hamming distance'],
  ['perturbation', /log ratio/, 'natural logarithm of a ratio'],
  ['scaling', /predict/, 'difference of rank correlations'],
  ['scaling', /turn faster/, 'rank correlation'],
  ['scaling', /changes the class/, 'share of vectors'],
];

/** `ratio`, where the null is 1; else what the experiment's claim measures. */
export function effectUnit({
  experiment,
  claim,
  nullEffect,
}: {
  readonly experiment: string;
  readonly claim: string;
  readonly nullEffect: number;
}): string {
  if (nullEffect > 0.5) return 'ratio';
  const found = UNITS.find(([of, pattern]) => of === experiment && pattern.test(claim));
  return found?.[2] ?? 'difference';
}
