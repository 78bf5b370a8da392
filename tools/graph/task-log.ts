import { closeSync, openSync, renameSync, symlinkSync, writeSync } from 'node:fs';
import { basename } from 'node:path';

import type { Sha256 } from './digest.ts';
import { guardWriteSync } from './disk.ts';
import type { Store } from './store.ts';
import type { TaskId } from './task.ts';

const TAIL_LINES = 20;

/**
 * The log of one run: a file from its first line on, named by task and key; the task's own name links to the latest. A command
 * stands at its head, and in no tail: it may be longer than all that it says.
 */
export class TaskLog implements Disposable {
  readonly #store: Store;
  readonly #id: TaskId;
  readonly #key: Sha256;
  readonly #command: string | undefined;
  readonly #tail: string[] = [];
  #file: number | undefined;

  constructor(store: Store, id: TaskId, { key, command }: { key: Sha256; command: string | undefined }) {
    this.#store = store;
    this.#id = id;
    this.#key = key;
    this.#command = command;
  }

  /** Undefined while nothing was said. */
  get path(): string | undefined {
    return this.#file === undefined ? undefined : this.#store.logPath(this.#id, this.#key);
  }

  get tail(): readonly string[] {
    return this.#tail;
  }

  write(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    guardWriteSync(this.#store.dir, () => {
      this.#file ??= this.#open();
      writeSync(this.#file, `${line}\n`);
    });
  }

  #open(): number {
    const path = this.#store.logPath(this.#id, this.#key);
    const link = this.#store.session.nextPath();
    symlinkSync(basename(path), link);
    renameSync(link, this.#store.logPath(this.#id));
    const file = openSync(path, 'w');
    if (this.#command !== undefined) writeSync(file, `$ ${this.#command}\n`);
    return file;
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
