// The figures of a run at one moment, as words: what lines and blocks are made of. Pure.

import { formatCount, plural } from './format.ts';
import { type ProgressMeter, type RunSnapshot, rowsPerSecond, type TaskCounts } from './progress.ts';

/** Phases in which there is a rate to show. */
const WORKING: ReadonlySet<string> = new Set(['encoding', 'computing', 'training', 'sampling']);

const LAG_SHOWN = 100;

/** Whether the run counts something at a rate in this phase. */
export function isWorking({ phase }: RunSnapshot): boolean {
  return WORKING.has(phase);
}

/** Phase by name, and whether it is held. */
export function phaseText({ phase, paused }: RunSnapshot): string {
  return paused ? `${phase} (paused)` : phase;
}

/** `52.3 %`. */
export function percentText({ rows, doneRows }: RunSnapshot): string {
  return `${(rows > 0 ? (100 * doneRows) / rows : 0).toFixed(1)} %`;
}

/** `9,870 rows/s`, or null where there is no rate to show. */
export function rateText(meter: ProgressMeter): string | null {
  const { latest } = meter;
  const rate = rowsPerSecond(meter);
  if (latest === null || rate === null || !isWorking(latest)) return null;
  // Slow units need a digit behind the point.
  const shown = rate > 0 && rate < 10 ? rate.toFixed(1) : formatCount(rate);
  return `${shown} ${latest.unit}/s`;
}

/** What stands below the bar: counts, rate, tasks, chains, readers of the log, restarts. */
export function progressFacts(meter: ProgressMeter): readonly string[] {
  const { latest } = meter;
  if (latest === null) return [];
  if (latest.rows === 0) return latest.paused ? ['paused'] : [];
  const rate = rateText(meter);
  return [
    ...(latest.paused ? ['paused'] : []),
    `${formatCount(latest.doneRows)}/${formatCount(latest.rows)} ${latest.unit}`,
    ...(rate === null ? [] : [rate]),
    ...(latest.tasks === null ? [] : taskFacts(latest.tasks)),
    ...(latest.elbo === null ? [] : [`ELBO ${latest.elbo.toPrecision(5)}`]),
    ...chainFacts(latest),
    ...collectorFacts(latest),
    plural(latest.restarts, 'restart'),
  ];
}

function taskFacts({ name, total, done, underWay }: TaskCounts): readonly string[] {
  const now = underWay > 0 ? `, ${formatCount(underWay)} under way` : '';
  return [`${name} ${formatCount(done)}/${formatCount(total)}${now}`];
}

/** Readers of the log matter once everything has been sent, or where they lag. */
export function collectorFacts(snapshot: RunSnapshot): readonly string[] {
  const { partitions, messages } = snapshot.aggregating;
  const reading = `${plural(partitions, 'partition')}, ${formatCount(messages)} messages`;
  return [...(partitions === 0 || isWorking(snapshot) ? [] : [reading]), ...lagFacts(snapshot)];
}

/** Shown where there is a lag to speak of: a few messages are always on their way. */
function lagFacts({ aggregating: { lag }, waiting }: RunSnapshot): readonly string[] {
  if (waiting > 0) return [`lag ${formatCount(lag)} messages, ${plural(waiting, 'task')} waiting`];
  return lag >= LAG_SHOWN ? [`lag ${formatCount(lag)} messages`] : [];
}

/** What chains say so far: acceptance by kind of kernel, and R-hat and ESS at the last look. */
export function chainFacts({ chains, phase }: RunSnapshot): readonly string[] {
  if (chains === null || phase === 'training') return [];
  const rates = new Map<string, { steps: number; accepted: number }>();
  for (const { kernel, steps, acceptance } of chains.kernels) {
    const kind = kernel.replace(/\d+$/, '');
    const sum = rates.get(kind) ?? { steps: 0, accepted: 0 };
    rates.set(kind, { steps: sum.steps + steps, accepted: sum.accepted + steps * acceptance });
  }
  const accepted = [...rates].map(
    ([kind, sum]) => `${kind} accepts ${((100 * sum.accepted) / sum.steps).toFixed(0)} %`,
  );
  if (chains.lookedAt === 0) return accepted;
  const { rHat, essBulk } = chains;
  const figures = [
    `R-hat ${rHat === null ? 'not defined' : rHat.toFixed(3)}`,
    `ESS ${essBulk === null ? 'not defined' : formatCount(Math.round(essBulk))}`,
  ];
  return [...accepted, `${figures.join(', ')} at draw ${formatCount(chains.lookedAt)}`];
}
