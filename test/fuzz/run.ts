// npm run fuzz -- [--cases N] [--seed S] [--format NAME ...] [--from CASE]: mutated files of every format, 10,000 cases each.

import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';
import { FORMATS } from './formats.ts';

const SHOWN = 20;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '0' },
    from: { type: 'string', default: '0' },
    format: { type: 'string', multiple: true, default: Object.keys(FORMATS) },
  },
});

let failures = 0;
for (const format of values.format) {
  if (!(format in FORMATS)) {
    console.error(`no format ${format}; there are ${Object.keys(FORMATS).join(', ')}`);
    process.exit(2);
  }
  const startedMs = performance.now();
  const { outcomes, failed } = await runCampaign({
    format,
    seed: Number(values.seed),
    from: Number(values.from),
    cases: Number(values.cases),
  });
  failures += failed.length;
  const counts = [...outcomes].sort(([, a], [, b]) => b - a).map(([outcome, times]) => `${outcome} ${times}`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  console.log(
    `${format}: ${values.cases} cases, ${failed.length} failed, ${seconds} s (${counts.join(', ')})`,
  );
  for (const { number, why } of failed.slice(0, SHOWN))
    console.log(`  case ${number}: ${why.split('\n').slice(0, 6).join(' | ')}`);
}
process.exit(failures === 0 ? 0 : 1);
