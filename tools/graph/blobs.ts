import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { BuildError } from '../errors.ts';
import { digestFile, digestOf, type Digest, type Sha256 } from './digest.ts';
import { copySparse, guardWrite, guardWriteSync, removeTree } from './disk.ts';
import { EPOCH_SECONDS } from './epoch.ts';
import type { Session } from './session.ts';

/** A stream costs more than it saves below this. */
const SMALL_BYTES = 1 << 20;

/**
 * Files by content: `cas/ab/<hash>`, mode 0444, one time stamp. Whether a file may be run is not part of it: trees carry modes, and
 * a lone script is run by its interpreter.
 */
export class Blobs {
  readonly #dir: string;
  readonly #session: Session;
  readonly #folders = new Set<string>();

  constructor(storeDir: string, session: Session) {
    this.#dir = join(storeDir, 'cas');
    this.#session = session;
  }

  path(hash: Sha256): string {
    return join(this.#dir, hash.slice(0, 2), hash);
  }

  /** Size is checked too: after a power cut a file can be there and empty. */
  has(digest: Digest): boolean {
    return statSync(this.path(digest.hash), { throwIfNoEntry: false })?.size === digest.size;
  }

  putBytes(content: string | Uint8Array): Digest {
    const digest = digestOf(content);
    if (this.#keep(digest)) return digest;
    guardWriteSync(this.#dir, () => {
      const aside = this.#session.nextPath();
      writeFileSync(aside, content);
      this.#place(aside, digest);
    });
    return digest;
  }

  /** A file of a work directory is moved in, whatever its size; any other is copied, holes kept. */
  async putFile(path: string): Promise<Digest> {
    if (!(await lstat(path)).isFile()) {
      throw new BuildError('store/not-a-file', `Cannot store "${path}": expected a regular file`);
    }
    return await guardWrite(this.#dir, () => this.#putFile(path));
  }

  async #putFile(path: string): Promise<Digest> {
    const own = path.startsWith(`${this.#session.dir}/`);
    const digest = await digestOfFile(path);
    if (this.#keep(digest)) {
      if (own) await removeTree(path);
      return digest;
    }
    if (own) {
      this.#place(path, digest);
      return digest;
    }
    // Hashed again as it was copied: the original may change under us.
    const aside = this.#session.nextPath();
    await copySparse(path, aside);
    const copied = await digestOfFile(aside);
    this.#place(aside, copied);
    return copied;
  }

  /** True when the content is here. Its ctime is renewed, which tells gc that somebody is about to need it. */
  #keep(digest: Digest): boolean {
    if (!this.has(digest)) return false;
    guardWriteSync(this.#dir, () => chmodSync(this.path(digest.hash), 0o444));
    return true;
  }

  #place(aside: string, digest: Digest): void {
    const target = this.path(digest.hash);
    const folder = dirname(target);
    if (!this.#folders.has(folder)) mkdirSync(folder, { recursive: true });
    this.#folders.add(folder);
    chmodSync(aside, 0o444);
    utimesSync(aside, EPOCH_SECONDS, EPOCH_SECONDS);
    renameSync(aside, target);
  }
}

export async function digestOfFile(path: string): Promise<Digest> {
  return lstatSync(path).size <= SMALL_BYTES ? digestOf(readFileSync(path)) : await digestFile(path);
}

/** Gives a stored file to the world outside, where it may be changed: never a link into the store. */
export async function copyOut(blob: string, path: string): Promise<void> {
  const aside = `${path}.part`;
  await removeTree(aside);
  await copySparse(blob, aside);
  renameSync(aside, path);
}
