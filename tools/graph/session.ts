import {
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';

import { digestOf } from './digest.ts';
import { errorCode, guardWriteSync, removeTree } from './disk.ts';

/** Work of another machine, boot or container cannot be asked whether it lives; untouched for a day, it does not. */
const FOREIGN_GRACE_MS = 24 * 3600 * 1000;

let opened = 0;

/** A directory that is gone when its scope ends. */
export interface WorkDir extends AsyncDisposable {
  readonly path: string;
}

/**
 * One opening of the store: the owner of work directories and locks. Its name tells whether its process still lives (kernel,
 * pid namespace, pid, start time), so that what a killed process left behind is known from what a live one is using.
 */
export class Session {
  readonly name: string;
  /** Everything this session has half-done is below here, on the store's file system: finished things are renamed out. */
  readonly dir: string;
  readonly startedAtMs = Date.now();
  readonly #locks: string;
  #made = 0;

  constructor(storeDir: string) {
    opened += 1;
    this.name = `${kernelTag()}-${process.pid}-${startTime(process.pid) ?? '0'}-${opened}`;
    this.dir = join(storeDir, 'work', this.name);
    this.#locks = join(storeDir, 'locks');
  }

  /** A name for something half-done. The session's directory is made by the first: a build with nothing to do writes nothing. */
  nextPath(): string {
    if (this.#made === 0) guardWriteSync(this.dir, () => mkdirSync(this.dir, { recursive: true }));
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
      if (errorCode(error) !== 'EEXIST')
        return guardWriteSync(path, () => {
          throw error;
        });
    }
    const holder = readLink(path);
    if (holder !== undefined && sessionState(holder) !== 'dead') return false;
    const mine = this.nextPath();
    symlinkSync(this.name, mine);
    renameSync(mine, path);
    return readLink(path) === this.name;
  }

  unlock(name: string): void {
    const path = join(this.#locks, name);
    if (readLink(path) === this.name) unlinkSync(path);
  }

  async close(): Promise<void> {
    if (this.#made > 0) await removeTree(this.dir);
  }
}

/** Removes what dead sessions left in `work/`. */
export async function sweepDeadSessions(storeDir: string): Promise<void> {
  const work = join(storeDir, 'work');
  for (const name of readdirSync(work)) {
    const path = join(work, name);
    if (isOver(path, name)) await removeTree(path).catch(() => undefined);
  }
}

/** When the oldest session other than `mine` that may still be at work began, or undefined when there is none. */
export function oldestLiveSession(storeDir: string, mine: Session): number | undefined {
  const work = join(storeDir, 'work');
  const times = readdirSync(work)
    .filter((name) => name !== mine.name && !isOver(join(work, name), name))
    .map((name) => statSync(join(work, name), { throwIfNoEntry: false })?.birthtimeMs)
    .filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function isOver(path: string, name: string): boolean {
  const state = sessionState(name);
  if (state !== 'foreign') return state === 'dead';
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - touched > FOREIGN_GRACE_MS;
}

function sessionState(name: string): 'live' | 'dead' | 'foreign' {
  const [tag, pid, start] = name.split('-');
  if (tag !== kernelTag()) return 'foreign';
  return startTime(Number(pid)) === start ? 'live' : 'dead';
}

let tagOfThisKernel: string | undefined;

/** Process numbers mean something only within one boot and one pid namespace. */
function kernelTag(): string {
  tagOfThisKernel ??= digestOf(
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid'),
  ).hash.slice(0, 12);
  return tagOfThisKernel;
}

/** Field 22 of /proc/<pid>/stat: a process number comes back, a number with its start time does not. */
function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
