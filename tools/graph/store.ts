import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { Blobs, copyOut } from './blobs.ts';
import type { Sha256 } from './digest.ts';
import { guardWrite } from './disk.ts';
import { collectGarbage, type GarbageReport } from './gc.ts';
import { checkAfterReboot } from './reboot.ts';
import { fileNameOf, Results, type Result } from './results.ts';
import { Session, sweepDeadSessions, type WorkDir } from './session.ts';
import type { Output, TaskId } from './task.ts';
import { Trees } from './trees.ts';

/**
 * What was ever built, by content, below one directory:
 *
 *     cas/ab/<hash>       files         results/ab/<key>   what each key gave, and the key document
 *     trees/<hash>/       directories   tasks/<id>         the key it had last
 *     work/<session>/     half-done     logs/<id>.log      -> the log of the task's last run
 *     locks/<key>         -> the session that is building it
 *
 * Nothing is ever written in place: things grow in `work/` and are renamed to where they are looked for. So a reader needs no lock, a
 * killed build leaves nothing but its work directory, and any number of builds can share a store.
 */
export class Store implements AsyncDisposable {
  readonly dir: string;
  readonly session: Session;
  readonly results: Results;
  readonly #blobs: Blobs;
  readonly #trees: Trees;
  readonly #sweeping: Promise<void>;

  private constructor(dir: string) {
    this.dir = dir;
    this.session = new Session(dir);
    this.results = new Results(dir, this.session);
    this.#blobs = new Blobs(dir, this.session);
    this.#trees = new Trees(dir, this.session);
    this.#sweeping = sweepDeadSessions(dir).catch(() => undefined);
  }

  static async open(dir: string): Promise<Store> {
    for (const folder of ['cas', 'trees', 'results', 'tasks', 'work', 'logs', 'locks']) {
      await guardWrite(dir, async () => mkdirSync(join(dir, folder), { recursive: true }));
    }
    const store = new Store(dir);
    await checkAfterReboot(dir, store.session);
    return store;
  }

  /** Content in, output out. A file of a work directory is moved in; any other is copied. */
  async putFile(path: string): Promise<Output> {
    return { type: 'file', digest: await this.#blobs.putFile(path) };
  }

  putBytes(content: string | Uint8Array): Output {
    return { type: 'file', digest: this.#blobs.putBytes(content) };
  }

  /** Moves in a finished directory, which must be in a work directory. */
  async putTree(dir: string): Promise<Output> {
    return { type: 'tree', digest: await this.#trees.putTree(dir) };
  }

  /** Where it is, for reading only. */
  pathOf({ type, digest }: Output): string {
    return type === 'file' ? this.#blobs.path(digest.hash) : this.#trees.path(digest.hash);
  }

  has({ type, digest }: Output): boolean {
    return type === 'file' ? this.#blobs.has(digest) : this.#trees.has(digest);
  }

  /** Copies a file out to where people may change it; holes stay holes. */
  async copyFileTo(output: Output, path: string): Promise<void> {
    await guardWrite(path, () => copyOut(this.pathOf(output), path));
  }

  /** The result of a key, only if every output is there. */
  find(key: Sha256): Result | undefined {
    const result = this.results.read(key);
    if (result === undefined) return undefined;
    return Object.values(result.outputs).every((output) => this.has(output)) ? result : undefined;
  }

  /** Least recently used results go until `keepSizeBytes` of outputs are left. */
  async gc(options: { readonly keepSizeBytes: number }): Promise<GarbageReport> {
    return await collectGarbage(this, options);
  }

  /** A fresh directory on the store's file system, gone when its scope ends. */
  makeWorkDir(): WorkDir {
    return this.session.makeWorkDir();
  }

  /** The log of a task's latest run is a link of this name. */
  logPath(id: TaskId, key?: Sha256): string {
    const suffix = key === undefined ? '' : `.${key.slice(0, 12)}`;
    return join(this.dir, 'logs', `${fileNameOf(id)}${suffix}.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweeping;
    await this.session.close();
  }
}
