import type { EventSink, Outcome } from './events.ts';
import type { Lookup } from './lookup.ts';
import type { WorkDir } from './session.ts';
import type { Store } from './store.ts';
import { TaskLog } from './task-log.ts';
import type { Outputs, RunContext } from './task.ts';

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
  const { task, key } = lookup;
  using log = new TaskLog(options.store, task.id, key);
  try {
    return await runLogged(lookup, log, options);
  } catch (error) {
    if (options.signal.aborted) return { outcome: { type: 'skipped', because: 'interrupted' } };
    return { outcome: { type: 'failed', error: asError(error), logPath: log.path, logTail: log.tail } };
  }
}

async function runLogged({ task, work, key, printedKey }: Lookup, log: TaskLog, options: RunOptions): Promise<Ended> {
  const { store } = options;
  const started = performance.now();
  await using context = new Context(task.id, log, options);
  const outputs = await work.run(context);
  const durationMs = Math.round(performance.now() - started);
  const { cpuSeconds } = context;
  const last = store.results.lastKey(task.id);
  const lastResult = last === undefined ? undefined : store.results.readRecord(last);
  const unchanged = isSame(lastResult?.outputs, outputs);
  const replaced = last === key ? lastResult?.replaced : last;
  store.results.write(key, printedKey, { id: task.id, outputs, durationMs, cpuSeconds, replaced });
  return { outcome: { type: 'built', durationMs, cpuSeconds, unchanged }, outputs };
}

class Context implements RunContext, AsyncDisposable {
  readonly signal: AbortSignal;
  readonly cores: number;
  cpuSeconds = 0;
  readonly #id: string;
  readonly #log: TaskLog;
  readonly #options: RunOptions;
  #workDir: WorkDir | undefined;

  constructor(id: string, log: TaskLog, options: RunOptions) {
    this.#id = id;
    this.#log = log;
    this.#options = options;
    this.signal = options.signal;
    this.cores = options.cores;
  }

  /** Made when first asked for: many tasks need none. */
  get workDir(): string {
    this.#workDir ??= this.#options.store.makeWorkDir();
    return this.#workDir.path;
  }

  log(line: string): void {
    this.#log.write(line);
    this.#options.sink({ type: 'task-line', id: this.#id, line });
  }

  progress(done: number, total: number, unit: 'bytes' | 'items'): void {
    this.#options.sink({ type: 'task-progress', id: this.#id, done, total, unit });
  }

  addCpuSeconds(seconds: number): void {
    this.cpuSeconds += seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workDir?.[Symbol.asyncDispose]();
  }
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
