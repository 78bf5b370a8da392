import type { Digest } from './digest.ts';

/** `kind/name`, unique in a build and stable between builds: what a person types to `explain` and `shell`. */
export type TaskId = string;

/**
 * One output of a task. A `file` is a blob of the store. A `tree` is a directory the store keeps unpacked, so that it can be a
 * layer of a sandbox; its digest is that of its manifest (see store.ts).
 */
export interface Output {
  readonly type: 'file' | 'tree';
  readonly digest: Digest;
}

/** Output name -> output. Names are relative paths without `..`. */
export type Outputs = Readonly<Record<string, Output>>;

/** Anything JSON can print. Keys are sorted when a fingerprint is made, so their order never matters. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** What a task draws from the machine while it runs. Never part of its key: a result does not depend on it. */
export interface Cost {
  /** Cores it can keep busy at most; the scheduler may grant fewer, at least 1. */
  readonly cores: number;
  readonly memoryMiB: number;
  /** Waits on the network rather than on a core; draws on the transfer budget instead. */
  readonly network?: boolean;
}

/** The results of the tasks it needs, by the task itself: a wrong name cannot compile. */
export interface Inputs {
  /** @throws BuildError graph/no-such-output */
  output(task: Task, name: string): Output;
  outputs(task: Task): Outputs;
}

/** A task whose needs are done. `key` is everything it can see; equal keys mean equal results. */
export interface Work {
  readonly key: Json;
  /** Of a task that is one sandboxed command: that command, to paste. It heads the log, and `shell` can replay it. */
  readonly command?: string;
  run(context: RunContext): Promise<Outputs>;
}

export interface RunContext {
  readonly signal: AbortSignal;
  /** Cores granted for this run, 1 or more. */
  readonly cores: number;
  /** A fresh directory on the store's file system; removed when the task ends. */
  readonly workDir: string;
  /** A line of the task's log; the last one is what a person sees live. */
  log(line: string): void;
  progress(done: number, total: number, unit: 'bytes' | 'items'): void;
  /** CPU seconds (user + system) the task's processes used, as far as known; summed in the report. */
  addCpuSeconds(seconds: number): void;
}

export interface Task {
  readonly id: TaskId;
  /** What it does, for a person: `Build glibc`. */
  readonly title: string;
  readonly needs: readonly Task[];
  readonly cost: Cost;
  /** Pure: the same inputs give the same key. */
  resolve(inputs: Inputs): Work;
}
