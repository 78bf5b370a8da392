import { BuildError } from '../errors.ts';
import type { Output, Outputs, Inputs, Task, TaskId } from './task.ts';

/** Every task that targets need, each after all that it needs itself. */
export interface Plan {
  readonly tasks: readonly Task[];
  /** Task -> tasks that need it. */
  readonly dependants: ReadonlyMap<Task, readonly Task[]>;
}

/** @throws BuildError graph/cycle, graph/duplicate-task */
export function makePlan(targets: readonly Task[]): Plan {
  const tasks = sortTasks(targets);
  const byId = new Map<TaskId, Task>();
  const dependants = new Map<Task, Task[]>(tasks.map((task) => [task, []]));
  for (const task of tasks) {
    if (byId.has(task.id)) {
      throw new BuildError(
        'graph/duplicate-task',
        `Cannot plan the build: expected one task named "${task.id}", got two`,
      );
    }
    byId.set(task.id, task);
    for (const need of new Set(task.needs)) dependants.get(need)?.push(task);
  }
  return { tasks, dependants };
}

/** Depth first, on a stack of its own: a chain may be longer than the call stack is deep. */
function sortTasks(targets: readonly Task[]): Task[] {
  const sorted: Task[] = [];
  const state = new Map<Task, 'open' | 'done'>();
  const path: { task: Task; next: number }[] = [];
  for (const target of targets) {
    enter(target);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = top.task.needs[top.next];
      top.next += 1;
      if (need !== undefined) enter(need);
      else leave(top.task);
    }
  }
  return sorted;

  function enter(task: Task): void {
    if (state.get(task) === 'open') throw cycle(path.map((step) => step.task).concat(task));
    if (state.has(task)) return;
    state.set(task, 'open');
    path.push({ task, next: 0 });
  }

  function leave(task: Task): void {
    state.set(task, 'done');
    sorted.push(task);
    path.pop();
  }
}

function cycle(path: readonly Task[]): BuildError {
  const ids = path.map((task) => task.id);
  const ring = ids.slice(ids.indexOf(ids.at(-1) ?? ''));
  return new BuildError(
    'graph/cycle',
    `Cannot plan the build: each of these tasks needs the next: ${ring.join(' -> ')}`,
  );
}

/** Finished tasks' outputs, as `owner` may see them: what it does not declare as a need is not there. */
export function inputsOf(owner: Task, finished: ReadonlyMap<Task, Outputs>): Inputs {
  const needs = new Set(owner.needs);
  function outputs(task: Task): Outputs {
    const found = needs.has(task) ? finished.get(task) : undefined;
    if (found === undefined)
      throw new TypeError(`Task "${owner.id}" uses "${task.id}", which it does not declare as a need`);
    return found;
  }
  return { outputs, output: (task, name) => pickOutput(task, outputs(task), name) };
}

export function pickOutput(task: Task, outputs: Outputs, name: string): Output {
  const output = outputs[name];
  if (output !== undefined) return output;
  const names = Object.keys(outputs).map((known) => `"${known}"`);
  throw new BuildError(
    'graph/no-such-output',
    `Cannot use output "${name}" of task "${task.id}": expected one of ${names.join(', ') || 'none'}`,
  );
}
