import type { Plan } from './plan.ts';
import type { Store } from './store.ts';
import type { Task } from './task.ts';

/** A guess for a task of a kind that never ran. */
const UNKNOWN_MS = 1000;

/** What earlier runs say of how long this one takes: which task to start first, and how much time is left. */
export class Forecast {
  readonly #plan: Plan;
  /** Of tasks that ran before, or whose kind did. */
  readonly #durations = new Map<Task, number>();
  /** Time from a task's start to the end of the longest chain that waits for it. */
  readonly #chains = new Map<Task, number>();

  constructor(plan: Plan, store: Store) {
    this.#plan = plan;
    const known = new Map(plan.tasks.map((task) => [task, store.results.last(task.id)?.durationMs]));
    const medians = mediansByKind(known);
    for (const task of plan.tasks) {
      const duration = known.get(task) ?? medians.get(kindOf(task));
      if (duration !== undefined) this.#durations.set(task, duration);
    }
    for (const task of plan.tasks.toReversed())
      this.#chains.set(task, this.durationMs(task) + this.#longestAfter(task));
  }

  durationMs(task: Task): number {
    return this.#durations.get(task) ?? UNKNOWN_MS;
  }

  /** Highest first: what holds up most starts first. */
  priority(task: Task): number {
    return this.#chains.get(task) ?? 0;
  }

  /**
   * Time left, if all that is not done has to run: the longest chain, or all the work shared by the cores. Unknown while most of
   * it would be guessed.
   */
  secondsLeft(done: ReadonlyMap<Task, unknown>, running: ReadonlyMap<Task, number>, cores: number): number | undefined {
    let chain = 0;
    let work = 0;
    let guesses = 0;
    for (const task of this.#plan.tasks) {
      if (done.has(task)) continue;
      guesses += this.#durations.has(task) ? -1 : 1;
      const elapsed = Math.min(running.get(task) ?? 0, this.durationMs(task));
      chain = Math.max(chain, this.priority(task) - elapsed);
      work += this.durationMs(task) - elapsed;
    }
    return guesses > 0 ? undefined : Math.max(chain, work / cores) / 1000;
  }

  #longestAfter(task: Task): number {
    return (this.#plan.dependants.get(task) ?? []).reduce((longest, next) => Math.max(longest, this.priority(next)), 0);
  }
}

function kindOf(task: Task): string {
  return task.id.split('/', 1)[0] ?? '';
}

function mediansByKind(known: ReadonlyMap<Task, number | undefined>): Map<string, number> {
  const byKind = new Map<string, number[]>();
  for (const [task, duration] of known) {
    if (duration === undefined) continue;
    const kind = kindOf(task);
    const durations = byKind.get(kind) ?? [];
    durations.push(duration);
    byKind.set(kind, durations);
  }
  return new Map([...byKind].map(([kind, durations]) => [kind, median(durations)]));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? UNKNOWN_MS;
}
