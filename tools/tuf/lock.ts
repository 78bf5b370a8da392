/** One writer at a time of a directory. A link is made only once, and it is told from another by the file that it is of. */
import { link, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { errorCode } from '../graph/disk.ts';

export interface Lock extends AsyncDisposable {
  isHeld(): Promise<boolean>;
}

/** It is held for two reads and a rename: one that is older was left by a run that was killed. */
const LIFE_MS = 10_000;
const POLL_MS = 200;

/** Makes `lock` a link to `own`, a file that nobody else has; waits for who holds it. */
export async function takeLock(own: string, lock: string): Promise<Lock> {
  while (!(await tryLink(own, lock))) {
    const held = await stat(lock).catch(() => undefined);
    if (held === undefined) continue;
    if (Date.now() - held.mtimeMs >= LIFE_MS) await rm(lock, { force: true });
    else await sleep(POLL_MS);
  }
  const now = new Date();
  await utimes(lock, now, now);
  const { ino } = await stat(lock);
  const isHeld = async (): Promise<boolean> => (await stat(lock).catch(() => undefined))?.ino === ino;
  const release = async (): Promise<void> => {
    if (await isHeld()) await rm(lock, { force: true });
  };
  return { isHeld, [Symbol.asyncDispose]: release };
}

async function tryLink(own: string, lock: string): Promise<boolean> {
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
