import type { BuildError, BuildErrors } from '../errors.ts';
import type { TaskId } from './task.ts';

/** Why a task has to run, or did not. */
export type Because =
  | { readonly type: 'never-built' }
  /** A step of a plan that publishes: it has no key. */
  | { readonly type: 'planned' }
  | { readonly type: 'key-changed'; readonly fields: readonly string[] }
  | { readonly type: 'outputs-missing' };

/** The task whose failure was in the way, or `interrupted` (no task id is without a `/`). */
// oxlint-disable-next-line typescript/no-redundant-type-constituents -- the one word is spelt out for the reader
export type Culprit = TaskId | 'interrupted';

/** How a task ended. `fresh`: its key's result was in the store. `skipped`: something it needs failed, or the build was stopped. */
export type Outcome =
  | { readonly type: 'fresh' }
  | { readonly type: 'built'; readonly durationMs: number; readonly cpuSeconds: number; readonly unchanged: boolean }
  | {
      readonly type: 'failed';
      readonly error: BuildError | BuildErrors | Error;
      /** Of a task that `shell` can enter. */
      readonly command: string | undefined;
      readonly logPath: string | undefined;
      readonly logTail: readonly string[];
    }
  | { readonly type: 'skipped'; readonly because: Culprit };

/** The engine's only voice: every reader (terminal, plain lines, JSON) is made from this stream. */
export type BuildEvent =
  | { readonly type: 'phase'; readonly title: string; readonly tasks: number }
  | { readonly type: 'phase-ended'; readonly title: string }
  | { readonly type: 'task-started'; readonly id: TaskId; readonly title: string; readonly because: Because }
  | { readonly type: 'task-line'; readonly id: TaskId; readonly line: string }
  | {
      readonly type: 'task-progress';
      readonly id: TaskId;
      readonly done: number;
      readonly total: number;
      readonly unit: 'bytes' | 'items';
      /** What else there is to say of it, in a few words. */
      readonly note?: string;
    }
  | { readonly type: 'task-ended'; readonly id: TaskId; readonly title: string; readonly outcome: Outcome }
  | {
      readonly type: 'estimate';
      readonly done: number;
      readonly total: number;
      readonly secondsLeft: number | undefined;
    }
  | { readonly type: 'warning'; readonly message: string; readonly hint?: string }
  | { readonly type: 'error'; readonly error: unknown }
  | { readonly type: 'result'; readonly text: string; readonly data: unknown };

export type EventSink = (event: BuildEvent) => void;
