import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { errorCode, explainWriteError, guardWriteSync, removeTree } from './disk.ts';
import { listFolder } from './listing.ts';
import { isAlive, nameSession } from './liveness.ts';

/** A live session touches its directory this often: how those who cannot ask the kernel about its process know that it lives. */
const HEARTBEAT_MS = 30_000;
/** Silence after which a session of another container or machine is taken for dead: soon where that costs double work at most ... */
const LOCK_GRACE_MS = 120_000;
/** ... and late where it would cost a live build its work directories. */
const SWEEP_GRACE_MS = 3600_000;

const POLL_MS = 100;

/** A directory that is gone when its scope ends. */
export interface WorkDir extends AsyncDisposable {
  readonly path: string;
}

/**
 * One opening of the store: the owner of work directories and locks. Its name tells whether its process still lives, so that what a
 * killed process left behind is known from what a live one is using.
 */
export class Session {
  readonly name: string;
  /** Everything this session has half-done is below here, on the store's file system: finished things are renamed out. */
  readonly dir: string;
  readonly #storeDir: string;
  readonly #locks: string;
  readonly #removals = new Set<Promise<void>>();
  #heartbeat: NodeJS.Timeout | undefined;
  #made = 0;

  constructor(storeDir: string) {
    this.#storeDir = storeDir;
    this.name = nameSession();
    this.dir = join(storeDir, 'work', this.name);
    this.#locks = join(storeDir, 'locks');
  }

  /** Shows gc that a build is at work, and waits for one that came first. A store that cannot be written to has no gc. */
  async enter(signal: AbortSignal): Promise<void> {
    try {
      this.#makeDir();
    } catch {
      return;
    }
    while (this.#isHeld('gc') && !signal.aborted) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }

  /** A name for something half-done. */
  nextPath(): string {
    guardWriteSync(this.dir, () => this.#makeDir());
    this.#made += 1;
    return join(this.dir, String(this.#made));
  }

  makeWorkDir(): WorkDir {
    const path = this.nextPath();
    guardWriteSync(path, () => mkdirSync(path));
    return { path, [Symbol.asyncDispose]: () => removeTree(path) };
  }

  /** Takes an advisory lock. False: a live session has it. Should two take a dead one's at once, both build the same: no harm. */
  tryLock(name: string): boolean {
    const path = join(this.#locks, name);
    try {
      symlinkSync(this.name, path);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw explainWriteError(path, error);
    }
    if (this.#isHeld(name)) return false;
    const mine = this.nextPath();
    symlinkSync(this.name, mine);
    renameSync(mine, path);
    return readLink(path) === this.name;
  }

  unlock(name: string): void {
    const path = join(this.#locks, name);
    if (readLink(path) === this.name) unlinkSync(path);
  }

  /** Removes a work directory while others go on: a kernel's takes seconds. `settle()` waits for that. */
  discard(workDir: WorkDir): void {
    const removal = removeTree(workDir.path).catch(() => undefined);
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  async settle(): Promise<void> {
    await Promise.all(this.#removals);
  }

  async close(): Promise<void> {
    await this.settle();
    if (this.#heartbeat === undefined) return;
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    await removeTree(this.dir);
  }

  #isHeld(lock: string): boolean {
    const holder = readLink(join(this.#locks, lock));
    return holder !== undefined && isAlive(this.#storeDir, holder, LOCK_GRACE_MS);
  }

  #makeDir(): void {
    if (this.#heartbeat !== undefined) return;
    mkdirSync(this.dir);
    this.#heartbeat = setInterval(() => touch(this.dir), HEARTBEAT_MS).unref();
  }
}

/** Removes what dead sessions left: their work, and their locks. */
export async function sweepDeadSessions(storeDir: string): Promise<void> {
  for (const name of readdirSync(join(storeDir, 'work'))) {
    if (isAlive(storeDir, name, SWEEP_GRACE_MS)) continue;
    await removeTree(join(storeDir, 'work', name)).catch(() => undefined);
  }
  for (const name of readdirSync(join(storeDir, 'locks'))) {
    const lock = join(storeDir, 'locks', name);
    const holder = readLink(lock);
    if (holder !== undefined && !isAlive(storeDir, holder, SWEEP_GRACE_MS)) unlinkSync(lock);
  }
}

/** When the oldest session other than `mine` that may still be at work began, or undefined when there is none. */
export function oldestLiveSession(storeDir: string, mine: Session): number | undefined {
  const times = listFolder(join(storeDir, 'work'))
    .filter(({ name }) => name !== mine.name && isAlive(storeDir, name, SWEEP_GRACE_MS))
    .map(({ path }) => statSync(path, { throwIfNoEntry: false })?.birthtimeMs)
    .filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The store is gone, or full: whoever writes to it next says so.
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
