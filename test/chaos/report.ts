// What a campaign found, as figures and as a table for people.

import { type CampaignState, hitsOf } from './campaign.ts';
import type { Workload } from './workloads.ts';

export interface KindFigures {
  readonly kind: string;
  readonly hits: number;
  readonly medianSeconds: number | null;
  readonly p95Seconds: number | null;
}

export interface CampaignReport {
  readonly kills: number;
  readonly runs: number;
  readonly equal: number;
  readonly tricks: number;
  readonly kinds: readonly KindFigures[];
  readonly conditions: Readonly<Record<string, number>>;
  readonly throughput: readonly {
    readonly workload: string;
    readonly unit: string;
    readonly undisturbed: number;
    readonly underFaults: number;
  }[];
}

/** Figures of the rounds so far. */
export function reportOf(state: CampaignState, workloads: readonly Workload[]): CampaignReport {
  const { rounds, calm } = state;
  const kinds = [...new Set(rounds.flatMap(({ hits }) => hits.map(({ kind }) => kind)))].sort();
  return {
    kills: hitsOf(state),
    runs: rounds.length,
    equal: rounds.filter(({ equal }) => equal).length,
    tricks: rounds.reduce((sum, { tricks }) => sum + tricks, 0),
    kinds: kinds.map((kind) => {
      const hits = rounds.flatMap((round) => round.hits.filter((hit) => hit.kind === kind));
      const seconds = hits.flatMap(({ recoveredMs }) => (recoveredMs === null ? [] : [recoveredMs / 1000]));
      return {
        kind,
        hits: hits.length,
        medianSeconds: quantile(seconds, 0.5),
        p95Seconds: quantile(seconds, 0.95),
      };
    }),
    conditions: Object.fromEntries(
      [...new Set(rounds.map(({ condition }) => condition))].map((condition) => [
        condition,
        rounds.filter((round) => round.condition === condition).length,
      ]),
    ),
    throughput: workloads.flatMap(({ name, unit, units }) => {
      const undisturbed = calm.find(({ workload }) => workload === name);
      const own = rounds.filter(({ workload }) => workload === name);
      if (undisturbed === undefined || own.length === 0) return [];
      const seconds = own.reduce((sum, round) => sum + round.seconds, 0) / own.length;
      return [
        { workload: name, unit, undisturbed: units / undisturbed.seconds, underFaults: units / seconds },
      ];
    }),
  };
}

/** The report as Markdown. */
export function reportLines(report: CampaignReport): string[] {
  const { kills, runs, equal, tricks, kinds, conditions, throughput } = report;
  const figure = (value: number | null) => (value === null ? '' : value.toFixed(1));
  return [
    `${kills} faults in ${runs} runs; ${equal} of ${runs} ended with the bytes of the undisturbed run; ${tricks} messages delayed, duplicated or reordered.`,
    '',
    '| fault | times | recovery, median s | 95 % |',
    '|---|---:|---:|---:|',
    ...kinds.map(
      ({ kind, hits, medianSeconds, p95Seconds }) =>
        `| ${kind} | ${hits} | ${figure(medianSeconds)} | ${figure(p95Seconds)} |`,
    ),
    '',
    '| condition | runs |',
    '|---|---:|',
    ...Object.entries(conditions).map(([condition, count]) => `| ${condition} | ${count} |`),
    '',
    '| run | undisturbed | under faults | |',
    '|---|---:|---:|---|',
    ...throughput.map(
      ({ workload, unit, undisturbed, underFaults }) =>
        `| ${workload} | ${Math.round(undisturbed)} | ${Math.round(underFaults)} | ${unit}/s |`,
    ),
  ];
}

/** The value below which that share of the values lies; null for none. */
function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? null;
}
