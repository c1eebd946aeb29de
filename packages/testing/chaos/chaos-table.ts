// The report of a chaos run, for people.
import type { RunReport } from './chaos-run.js';
import type { Figures } from './figures.js';
import { faultKinds } from './fault-catalogue.js';

const heads = ['injected', 'hits', 'in vain'];
const column = (value: number | string, width: number): string => String(value).padStart(width);

/** The report as lines of text. */
export function chaosTable(report: RunReport, figures: Figures | null): string {
  const { sums, rounds, faults, notRun, violations } = report;
  const counted = faultKinds.filter(({ name }) => faults[name] !== undefined);
  const line = (name: string): string => {
    const { injected = 0, failed = 0, hits = 0 } = faults[name] ?? {};
    return `  ${name.padEnd(24)}${column(injected, 10)}${column(hits, 10)}${column(failed, 10)}`;
  };
  return [
    '', `  ${'fault'.padEnd(24)}${heads.map((head) => column(head, 10)).join('')}`,
    ...counted.filter(({ delay }) => delay !== true).map(({ name }) => line(name)),
    '  delays (a hit is a round trip that took longer)',
    ...counted.filter(({ delay }) => delay === true).map(({ name }) => line(name)),
    ...Object.entries(notRun).map(([name, why]) => `  ${name.padEnd(24)} NOT RUN: ${why}`),
    '', `  ${rounds} rounds: ${sums.runs} runs, ${sums.effects} effects (${sums.again} of an attempt that ` +
      `ran before), ${sums.payments} transactional effects, ${sums.unknown} deeds of unknown outcome`,
    ...figures === null ? [] : ['', ...figures.lines.map((each) => `  ${each}`)],
    '', ...new Set(violations.map(({ again }) => `BROKEN, again with: ${again}`)),
    ...(figures?.violations ?? []).map((what) => `VIOLATION ${what}`),
    violations.length === 0 ? 'Every promise was kept.' : `${violations.length} promises were broken.`,
  ].join('\n');
}
