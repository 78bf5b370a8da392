import { setTimeout as sleep } from 'node:timers/promises';

import { explainMiss } from './because.ts';
import { Budget, type Grant, type Machine } from './budget.ts';
import type { Culprit, EventSink, Outcome } from './events.ts';
import { Forecast } from './forecast.ts';
import { lookUp, type Lookup } from './lookup.ts';
import { Pacer } from './pacer.ts';
import { makePlan, pickOutput, type Plan } from './plan.ts';
import { runTask, type Ended } from './run-task.ts';
import { summarize, type Statistics } from './statistics.ts';
import type { Store } from './store.ts';
import type { Inputs, Outputs, Task, TaskId } from './task.ts';

/** How often a task that another build is making is looked for. */
const POLL_MS = 200;
const ESTIMATE_MS = 500;

export interface GraphOptions extends Partial<Machine> {
  readonly store: Store;
  readonly sink: EventSink;
  readonly signal: AbortSignal;
  /** After a failure: `stop` lets running tasks end and starts no more; `continue` does all that does not need what failed. */
  readonly keepGoing?: boolean;
  readonly cores: number;
  readonly memoryMiB: number;
}

/** As `Inputs`, it gives the outputs of every task that ended well. */
export interface GraphResult extends Inputs {
  readonly ok: boolean;
  readonly outcomes: ReadonlyMap<TaskId, Outcome>;
  readonly statistics: Statistics;
}

/**
 * Runs what the targets need and the store does not have. A task is looked up once all it needs is done (its key holds *their*
 * outputs' digests), so a rebuild that yields the same bytes stops there by itself.
 *
 * @throws BuildError graph/cycle, graph/duplicate-task; a task that fails does not throw
 */
export async function runGraph(targets: readonly Task[], options: GraphOptions): Promise<GraphResult> {
  const plan = makePlan(targets);
  await options.store.session.enter(options.signal);
  return await new Build(plan, options).run();
}

class Build {
  readonly #plan: Plan;
  readonly #options: GraphOptions;
  readonly #budget: Budget;
  readonly #started = performance.now();
  /** Needs still to be done, by task. */
  readonly #missing: Map<Task, number>;
  /** Needs done, not looked up yet. */
  readonly #ready: Task[];
  /** Have to run; the last is the most urgent. Transfers wait apart: they draw on another budget. */
  readonly #queues: { readonly compute: Lookup[]; readonly transfer: Lookup[] } = { compute: [], transfer: [] };
  readonly #running = new Map<Task, number>();
  /** Being made by another build: looked for again and again. */
  readonly #awaited = new Set<Task>();
  readonly #outputs = new Map<Task, Outputs>();
  readonly #outcomes = new Map<Task, Outcome>();
  #wake = Promise.withResolvers<void>();
  /** Made for the first task that has to run: a build with nothing to do needs none. */
  #forecast: Forecast | undefined;
  #failed = false;
  #estimatedAt = 0;

  constructor(plan: Plan, options: GraphOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#budget = new Budget({ transfers: 8, ...options });
    this.#missing = new Map(plan.tasks.map((task) => [task, new Set(task.needs).size]));
    this.#ready = plan.tasks.filter((task) => task.needs.length === 0).toReversed();
  }

  async run(): Promise<GraphResult> {
    for (;;) {
      await this.#lookUpReady();
      this.#startWhatFits();
      if (this.#running.size === 0 && (this.#awaited.size === 0 || this.#stopping)) break;
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
    this.#skipTheRest();
    await this.#options.store.session.settle();
    return this.#result();
  }

  get #stopping(): boolean {
    return this.#options.signal.aborted || (this.#failed && this.#options.keepGoing !== true);
  }

  async #lookUpReady(): Promise<void> {
    const pacer = new Pacer();
    for (let task = this.#ready.pop(); task !== undefined; task = this.#ready.pop()) {
      if (this.#stopping) return;
      this.#lookUp(task);
      if (pacer.due) await pacer.pause();
    }
  }

  #lookUp(task: Task): void {
    const { store } = this.#options;
    try {
      const lookup = lookUp(store, task, this.#outputs);
      if (lookup.result === undefined) this.#enqueue(lookup);
      else this.#endFresh(lookup, lookup.result.outputs);
    } catch (error) {
      // A need's outputs are not what the task expects; the store cannot be read.
      this.#end(task, { outcome: failedBeforeItRan(error) });
    }
  }

  #endFresh({ task, key }: Lookup, outputs: Outputs): void {
    const { results } = this.#options.store;
    try {
      if (results.lastKey(task.id) !== key) results.remember(task.id, key);
    } catch {
      // A store that is full or read-only still serves: only `explain` will know less.
    }
    this.#end(task, { outcome: { type: 'fresh' }, outputs });
  }

  /** Keeps the queue sorted; it is long only when much has to run, and then this is nothing beside the running. */
  #enqueue(lookup: Lookup): void {
    this.#forecast ??= new Forecast(this.#plan, this.#options.store);
    const queue = lookup.task.cost.network === true ? this.#queues.transfer : this.#queues.compute;
    const priority = this.#forecast.priority(lookup.task);
    let low = 0;
    let high = queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = queue[middle];
      if (other !== undefined && this.#forecast.priority(other.task) < priority) low = middle + 1;
      else high = middle;
    }
    queue.splice(low, 0, lookup);
  }

  /** In strict order: a task that waits for memory is not overtaken, or it would wait for ever. */
  #startWhatFits(): void {
    for (const queue of [this.#queues.transfer, this.#queues.compute]) {
      for (let next = queue.at(-1); next !== undefined && !this.#stopping; next = queue.at(-1)) {
        const grant = this.#budget.take(next.task.cost, queue.length);
        if (grant === undefined) break;
        queue.pop();
        void this.#run(next, grant).then(() => this.#wake.resolve());
      }
    }
  }

  async #run(lookup: Lookup, grant: Grant): Promise<void> {
    const { task, key } = lookup;
    const { session } = this.#options.store;
    this.#running.set(task, performance.now());
    let ended: Ended | 'busy';
    try {
      ended = session.tryLock(key) ? await this.#runLocked(lookup, grant).finally(() => session.unlock(key)) : 'busy';
    } catch (error) {
      ended = { outcome: failedBeforeItRan(error) };
    }
    this.#running.delete(task);
    this.#budget.release(grant);
    if (ended === 'busy') await this.#awaitOther(task);
    else this.#end(task, ended);
  }

  async #runLocked(lookup: Lookup, { cores }: Grant): Promise<Ended> {
    const { task, key } = lookup;
    const { store, sink, signal } = this.#options;
    const meanwhile = store.find(key);
    if (meanwhile !== undefined) return { outcome: { type: 'fresh' }, outputs: meanwhile.outputs };
    const because = explainMiss(store, task.id, { key, document: lookup.work.key });
    sink({ type: 'task-started', id: task.id, title: task.title, because });
    this.#estimate();
    return await runTask(lookup, { store, sink, signal, cores });
  }

  async #awaitOther(task: Task): Promise<void> {
    const { sink, signal } = this.#options;
    if (!this.#awaited.has(task))
      sink({ type: 'warning', message: `Waiting for another build, which is at "${task.id}"` });
    this.#awaited.add(task);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    this.#ready.push(task);
  }

  #end(task: Task, { outcome, outputs }: Ended): void {
    this.#awaited.delete(task);
    this.#outcomes.set(task, outcome);
    if (outputs === undefined) this.#failed ||= outcome.type === 'failed';
    else this.#release(task, outputs);
    this.#options.sink({ type: 'task-ended', id: task.id, title: task.title, outcome });
    if (outcome.type !== 'fresh') this.#estimate();
  }

  #release(task: Task, outputs: Outputs): void {
    this.#outputs.set(task, outputs);
    for (const next of this.#plan.dependants.get(task) ?? []) {
      const missing = (this.#missing.get(next) ?? 0) - 1;
      this.#missing.set(next, missing);
      if (missing === 0) this.#ready.push(next);
    }
  }

  #estimate(): void {
    const now = performance.now();
    if (now - this.#estimatedAt < ESTIMATE_MS) return;
    this.#estimatedAt = now;
    const running = new Map([...this.#running].map(([task, since]) => [task, now - since]));
    const secondsLeft = this.#forecast?.secondsLeft(this.#outcomes, running, this.#options.cores);
    this.#options.sink({ type: 'estimate', done: this.#outcomes.size, total: this.#plan.tasks.length, secondsLeft });
  }

  /** What did not come to run: because something it needs did not end well, or because the build stopped. */
  #skipTheRest(): void {
    for (const task of this.#plan.tasks) {
      if (this.#outcomes.has(task)) continue;
      const culprit = task.needs.find((need) => !this.#outputs.has(need));
      this.#end(task, {
        outcome: { type: 'skipped', because: culprit === undefined ? 'interrupted' : this.#rootOf(culprit) },
      });
    }
  }

  /** The failure at the bottom of a chain of skipped tasks. */
  #rootOf(task: Task): Culprit {
    const outcome = this.#outcomes.get(task);
    return outcome?.type === 'skipped' ? outcome.because : task.id;
  }

  #result(): GraphResult {
    const outcomes = new Map(this.#plan.tasks.map((task) => [task.id, this.#outcomes.get(task) ?? SKIPPED] as const));
    const finished = this.#outputs;
    function outputs(task: Task): Outputs {
      const found = finished.get(task);
      if (found === undefined) throw new TypeError(`Task "${task.id}" did not end well: it has no outputs`);
      return found;
    }
    return {
      ok: finished.size === this.#plan.tasks.length,
      outcomes,
      outputs,
      output: (task, name) => pickOutput(task, outputs(task), name),
      statistics: summarize(this.#plan, this.#outcomes, performance.now() - this.#started),
    };
  }
}

const SKIPPED: Outcome = { type: 'skipped', because: 'interrupted' };

function failedBeforeItRan(error: unknown): Outcome {
  const reason = error instanceof Error ? error : new Error(String(error), { cause: error });
  return { type: 'failed', error: reason, command: undefined, logPath: undefined, logTail: [] };
}
