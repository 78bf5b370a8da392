import { join } from 'node:path';

import type { Store } from '../graph/store.ts';
import type { Mirrors } from './mirrors.ts';

/** What every fetching task is given: where things come from, and where they are kept. */
export interface Supply {
  readonly store: Store;
  readonly network: 'online' | 'offline';
  /** Asked for only when something has to be fetched: the host's configuration is read from disk. */
  readonly mirrors: () => Promise<Mirrors>;
}

/** Half-fetched files wait here between builds, on the store's own file system. */
export function partsDirOf(store: Store): string {
  return join(store.dir, 'parts');
}
