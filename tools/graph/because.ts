import type { Sha256 } from './digest.ts';
import type { Because } from './events.ts';
import { diffKeys } from './fingerprint.ts';
import type { Store } from './store.ts';
import type { Json, TaskId } from './task.ts';

/** Why a task whose key has no result in the store has to run. */
export function explainMiss(store: Store, id: TaskId, wanted: { key: Sha256; document: Json }): Because {
  const last = store.results.lastKey(id);
  if (last === undefined) return { type: 'never-built' };
  if (last === wanted.key) return { type: 'outputs-missing' };
  const before = store.results.readKeyDocument(last);
  if (before === undefined) return { type: 'never-built' };
  return { type: 'key-changed', fields: diffKeys(before, wanted.document).map((difference) => difference.field) };
}
