import type { Sha256 } from './digest.ts';
import { hashKey, printKey } from './fingerprint.ts';
import { inputsOf } from './plan.ts';
import type { Result } from './results.ts';
import type { Store } from './store.ts';
import type { Outputs, Task, Work } from './task.ts';

/** A task whose needs are done: its work, its key, and the result the store has for it. */
export interface Lookup {
  readonly task: Task;
  readonly work: Work;
  readonly printedKey: string;
  readonly key: Sha256;
  readonly result: Result | undefined;
}

export function lookUp(store: Store, task: Task, finished: ReadonlyMap<Task, Outputs>): Lookup {
  const work = task.resolve(inputsOf(task, finished));
  const printedKey = printKey(work.key);
  const key = hashKey(printedKey);
  return { task, work, printedKey, key, result: store.find(key) };
}
