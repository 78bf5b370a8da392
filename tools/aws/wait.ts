import { setTimeout as sleep } from 'node:timers/promises';

import { BuildError } from '../errors.ts';
import type { Region } from './region.ts';

const FIRST_MS = 250;
const LONGEST_MS = 5000;
const FACTOR = 1.5;
/** Copies of large images take half an hour now and then. */
const MOST_MS = 60 * 60 * 1000;

/** Asks until there is an answer, soon at first and then less often. @throws BuildError aws/still-waiting */
export async function until<T>(
  at: Region,
  { what, mostMs = MOST_MS }: { readonly what: string; readonly mostMs?: number },
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const startedMs = performance.now();
  for (let waitMs = FIRST_MS; ; waitMs = Math.min(LONGEST_MS, waitMs * FACTOR)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() - startedMs > mostMs)
      throw new BuildError(
        'aws/still-waiting',
        `Cannot wait longer for ${what} in ${at.name}: ${Math.round(mostMs / 60_000)} minutes have passed`,
        { hint: 'Run the same command again: it goes on waiting, and does nothing twice' },
      );
    await sleep(waitMs, undefined, { signal: at.signal });
  }
}
