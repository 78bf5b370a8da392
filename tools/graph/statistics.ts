import type { Outcome } from './events.ts';
import type { Plan } from './plan.ts';
import type { Task } from './task.ts';

/** How well the machine was used. No schedule is faster than max(cpuSeconds / cores, criticalPathSeconds). */
export interface Statistics {
  readonly built: number;
  readonly fresh: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cpuSeconds: number;
  /** The longest chain of tasks that ran one after the other. */
  readonly criticalPathSeconds: number;
  readonly wallSeconds: number;
}

export function summarize(plan: Plan, outcomes: ReadonlyMap<Task, Outcome>, wallMs: number): Statistics {
  const counts = { built: 0, fresh: 0, failed: 0, skipped: 0 };
  const chains = new Map<Task, number>();
  let cpuSeconds = 0;
  let longest = 0;
  for (const task of plan.tasks) {
    const outcome = outcomes.get(task);
    if (outcome === undefined) continue;
    counts[outcome.type] += 1;
    const built = outcome.type === 'built' ? outcome : { durationMs: 0, cpuSeconds: 0 };
    const before = task.needs.reduce((most, need) => Math.max(most, chains.get(need) ?? 0), 0);
    chains.set(task, before + built.durationMs);
    longest = Math.max(longest, before + built.durationMs);
    cpuSeconds += built.cpuSeconds;
  }
  return { ...counts, cpuSeconds, criticalPathSeconds: longest / 1000, wallSeconds: wallMs / 1000 };
}
