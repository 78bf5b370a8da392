import type { Store } from './store.ts';
import type { Output, Task, TaskId } from './task.ts';

/** The one output of a given task. */
export const GIVEN = 'file';

/** A file that somebody hands in, as a task whose result it is. The store takes it now; its content alone is in the key. */
export async function givenTask(
  store: Store,
  path: string,
  { id, title }: { readonly id: TaskId; readonly title: string },
): Promise<Task> {
  const output: Output = await store.putFile(path);
  return {
    id,
    title,
    needs: [],
    cost: { cores: 1, memoryMiB: 16 },
    resolve: () => ({ key: { type: 'given', hash: output.digest.hash }, run: async () => ({ [GIVEN]: output }) }),
  };
}
