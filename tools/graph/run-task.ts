import type { EventSink, Outcome } from './events.ts';
import type { Lookup } from './lookup.ts';
import type { WorkDir } from './session.ts';
import type { Store } from './store.ts';
import { TaskLog } from './task-log.ts';
import type { Outputs, RunContext, TaskId } from './task.ts';

export interface RunOptions {
  readonly store: Store;
  readonly sink: EventSink;
  readonly signal: AbortSignal;
  readonly cores: number;
}

export interface Ended {
  readonly outcome: Outcome;
  /** Of a task that ended well. */
  readonly outputs?: Outputs;
}

/** Runs one task to its end, whatever that is: exceptions stop here. Only success leaves something in the store. */
export async function runTask(lookup: Lookup, options: RunOptions): Promise<Ended> {
  const { task, key, work } = lookup;
  const { command } = work;
  using log = new TaskLog(options.store, task.id, { key, command });
  try {
    return await runLogged(lookup, log, options);
  } catch (error) {
    if (options.signal.aborted) return { outcome: { type: 'skipped', because: 'interrupted' } };
    return { outcome: { type: 'failed', error: asError(error), command, logPath: log.path, logTail: log.tail } };
  }
}

async function runLogged({ task, work, key, printedKey }: Lookup, log: TaskLog, options: RunOptions): Promise<Ended> {
  const { store } = options;
  const started = performance.now();
  using running = makeContext(task.id, log, options);
  const outputs = await work.run(running.context);
  const durationMs = Math.round(performance.now() - started);
  const cpuSeconds = running.cpuSeconds();
  const last = store.results.lastKey(task.id);
  const lastResult = last === undefined ? undefined : store.results.readRecord(last);
  const unchanged = isSame(lastResult?.outputs, outputs);
  const replaced = last === key ? lastResult?.replaced : last;
  store.results.write(key, printedKey, { id: task.id, outputs, durationMs, cpuSeconds, replaced });
  return { outcome: { type: 'built', durationMs, cpuSeconds, unchanged }, outputs };
}

interface Running extends Disposable {
  readonly context: RunContext;
  readonly cpuSeconds: () => number;
}

/** The context is a value without `this`: tasks may take it apart. */
function makeContext(id: TaskId, log: TaskLog, { store, sink, signal, cores }: RunOptions): Running {
  let workDir: WorkDir | undefined;
  let cpuSeconds = 0;
  const context: RunContext = {
    signal,
    cores,
    // Made when first asked for: many tasks need none.
    get workDir() {
      workDir ??= store.makeWorkDir();
      return workDir.path;
    },
    log: (line) => {
      log.write(line);
      sink({ type: 'task-line', id, line });
    },
    progress: (done, total, unit) => sink({ type: 'task-progress', id, done, total, unit }),
    addCpuSeconds: (seconds) => {
      cpuSeconds += seconds;
    },
  };
  return {
    context,
    cpuSeconds: () => cpuSeconds,
    [Symbol.dispose]: () => {
      if (workDir !== undefined) store.session.discard(workDir);
    },
  };
}

function isSame(before: Outputs | undefined, after: Outputs): boolean {
  if (before === undefined) return false;
  const names = Object.keys(after);
  if (Object.keys(before).length !== names.length) return false;
  return names.every((name) => before[name]?.digest.hash === after[name]?.digest.hash);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}
