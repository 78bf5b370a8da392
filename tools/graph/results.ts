import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { parseSha256, type Sha256 } from './digest.ts';
import { guardWriteSync } from './disk.ts';
import type { Session } from './session.ts';
import type { Json, Outputs, TaskId } from './task.ts';

/** A use moves a result's time stamp (what gc goes by), but not more often than this: reading stays reading. */
export const TOUCH_MS = 3600 * 1000;

/** What a task left under one key. */
export interface Result {
  readonly id: TaskId;
  readonly outputs: Outputs;
  readonly durationMs: number;
  readonly cpuSeconds: number;
  /** The key the task had before: what `explain` compares with once it has run. */
  readonly replaced?: Sha256 | undefined;
}

/**
 * `results/ab/<key>`: two lines of JSON, the result and the key document, so that the common reader parses the first alone.
 * `tasks/<id>`: a link that says which key the task had last.
 */
export class Results {
  readonly #dir: string;
  readonly #tasks: string;
  readonly #session: Session;
  readonly #folders = new Set<string>();

  constructor(storeDir: string, session: Session) {
    this.#dir = join(storeDir, 'results');
    this.#tasks = join(storeDir, 'tasks');
    this.#session = session;
  }

  path(key: Sha256): string {
    return join(this.#dir, key.slice(0, 2), key);
  }

  read(key: Sha256): Result | undefined {
    const path = this.path(key);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    const result = parseResult(readFileSync(path, 'utf8'));
    if (Date.now() - stats.mtimeMs > TOUCH_MS) touch(path);
    return result;
  }

  readKeyDocument(key: Sha256): Json | undefined {
    return this.#onPath(key, (text) => parseKey(text.slice(text.indexOf('\n') + 1)));
  }

  /** The record alone, whether its outputs are there or not. */
  readRecord(key: Sha256): Result | undefined {
    return this.#onPath(key, parseResult);
  }

  write(key: Sha256, printedKey: string, result: Result): void {
    guardWriteSync(this.#dir, () => {
      const aside = this.#session.nextPath();
      writeFileSync(aside, `${JSON.stringify(result)}\n${printedKey}\n`);
      this.#place(aside, this.path(key));
    });
    this.remember(result.id, key);
  }

  /** Makes `key` the task's last one: what the next build is compared with. */
  remember(id: TaskId, key: Sha256): void {
    guardWriteSync(this.#tasks, () => {
      const aside = this.#session.nextPath();
      symlinkSync(shorten(key), aside);
      this.#place(aside, join(this.#tasks, fileNameOf(id)));
    });
  }

  /** Tasks whose last result was collected start afresh: there is nothing left to compare with. */
  forgetRemoved(): void {
    for (const name of readdirSync(this.#tasks)) {
      const key = readKey(join(this.#tasks, name));
      if (key === undefined || !existsSync(this.path(key))) unlinkSync(join(this.#tasks, name));
    }
  }

  lastKey(id: TaskId): Sha256 | undefined {
    return readKey(join(this.#tasks, fileNameOf(id)));
  }

  last(id: TaskId): Result | undefined {
    const key = this.lastKey(id);
    return key === undefined ? undefined : this.readRecord(key);
  }

  #onPath<T>(key: Sha256, parse: (text: string) => T): T | undefined {
    try {
      return parse(readFileSync(this.path(key), 'utf8'));
    } catch {
      return undefined;
    }
  }

  #place(aside: string, target: string): void {
    const folder = dirname(target);
    if (!this.#folders.has(folder)) mkdirSync(folder, { recursive: true });
    this.#folders.add(folder);
    renameSync(aside, target);
  }
}

/** A task's name as a file name: `rpm/glibc` is `rpm:glibc`, and no two ids share one. */
export function fileNameOf(id: TaskId): string {
  return encodeURIComponent(id).replaceAll('%2F', ':');
}

/** A link of up to 59 bytes is kept in its inode; a longer one costs a block and, for each of thousands of tasks, a read. */
function shorten(key: Sha256): string {
  return Buffer.from(key, 'hex').toString('base64url');
}

function readKey(link: string): Sha256 | undefined {
  try {
    return parseSha256(Buffer.from(readlinkSync(link), 'base64url').toString('hex'));
  } catch {
    return undefined;
  }
}

/** Undefined for a torn record (a power cut): then the task runs again. */
export function parseResult(text: string): Result | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `write` above is the only writer
    return JSON.parse(text.slice(0, text.indexOf('\n'))) as Result;
  } catch {
    return undefined;
  }
}

function parseKey(text: string): Json {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whatever JSON.parse gives is Json
  return JSON.parse(text) as Json;
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // A read-only store serves what it has; nobody will collect garbage in it.
  }
}
