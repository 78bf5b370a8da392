import type { Sha256 } from './digest.ts';
import type { Because } from './events.ts';
import { diffKeys, type KeyDifference } from './fingerprint.ts';
import type { Store } from './store.ts';
import type { Json, TaskId } from './task.ts';

/** A task's key as it is now, with or without a result in the store. */
export interface KeyNow {
  readonly key: Sha256;
  readonly document: Json;
}

/** Why a task whose key has no result in the store has to run. */
export function explainMiss(store: Store, id: TaskId, now: KeyNow): Because {
  const last = store.results.lastKey(id);
  if (last === undefined) return { type: 'never-built' };
  if (last === now.key) return { type: 'outputs-missing' };
  const before = store.results.readKeyDocument(last);
  if (before === undefined) return { type: 'never-built' };
  return { type: 'key-changed', fields: diffKeys(before, now.document).map((difference) => difference.field) };
}

/**
 * What made a task run, or will: its key against the key of its last run; for a task that is done, against the one before that.
 * Undefined when there is nothing to compare with.
 */
export function explainKey(store: Store, id: TaskId, now: KeyNow): KeyDifference[] | undefined {
  const last = store.results.lastKey(id);
  const other = last === now.key ? store.results.readRecord(last)?.replaced : last;
  const before = other === undefined ? undefined : store.results.readKeyDocument(other);
  return before === undefined ? undefined : diffKeys(before, now.document);
}
