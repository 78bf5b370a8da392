import type { Because } from './events.ts';
import { explainMiss, type KeyNow } from './because.ts';
import { lookUp } from './lookup.ts';
import { makePlan } from './plan.ts';
import type { Store } from './store.ts';
import type { Outputs, Task, TaskId } from './task.ts';

/** What a build would do with a task, as far as anyone can know before running what comes before it. */
export type Verdict =
  | { readonly type: 'fresh'; readonly now: KeyNow }
  | { readonly type: 'runs'; readonly now: KeyNow; readonly because: Because }
  /** Its key holds outputs that are not there yet: if they turn out as they were, it is fresh. */
  | { readonly type: 'maybe'; readonly dependsOn: readonly TaskId[] };

/** Every task the targets need, in an order in which they could run. Runs nothing, writes nothing. */
export function planGraph(targets: readonly Task[], store: Store): ReadonlyMap<Task, Verdict> {
  const verdicts = new Map<Task, Verdict>();
  const finished = new Map<Task, Outputs>();
  for (const task of makePlan(targets).tasks) {
    const open = task.needs.filter((need) => !finished.has(need));
    verdicts.set(
      task,
      open.length === 0 ? judge(task, store, finished) : { type: 'maybe', dependsOn: rootsOf(open, verdicts) },
    );
  }
  return verdicts;
}

function judge(task: Task, store: Store, finished: Map<Task, Outputs>): Verdict {
  const { work, key, result } = lookUp(store, task, finished);
  const now = { key, document: work.key };
  if (result === undefined) return { type: 'runs', now, because: explainMiss(store, task.id, now) };
  finished.set(task, result.outputs);
  return { type: 'fresh', now };
}

/** The tasks that will surely run, below those that may. */
function rootsOf(open: readonly Task[], verdicts: ReadonlyMap<Task, Verdict>): TaskId[] {
  const roots = open.flatMap((task) => {
    const verdict = verdicts.get(task);
    return verdict?.type === 'maybe' ? verdict.dependsOn : [task.id];
  });
  return [...new Set(roots)];
}
