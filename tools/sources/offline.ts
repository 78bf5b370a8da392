import { throwAll } from '../errors.ts';
import type { BuildError } from '../errors.ts';
import { lookUp } from '../graph/lookup.ts';
import type { Store } from '../graph/store.ts';
import type { Task } from '../graph/task.ts';

/** A task that may need the network. */
export interface TransferTask extends Task {
  /** What the network is needed for; undefined when the store has all parts of it. Asked only when the result is not there. */
  lacking(): BuildError | undefined;
}

export const OFFLINE_HINT = 'Run the verb "fetch" with the same variant once, with the network on';

/**
 * Before a build without network: names everything that it would have to fetch, at once. (The scheduler would stop at the first.)
 * @throws BuildError source/offline, or BuildErrors of several
 */
export function assertFetched(tasks: readonly Task[], store: Store): void {
  const missing = tasks.filter(isTransfer).filter((task) => lookUp(store, task, new Map()).result === undefined);
  throwAll(missing.map((task) => task.lacking()).filter((error) => error !== undefined));
}

function isTransfer(task: Task): task is TransferTask {
  return 'lacking' in task;
}
