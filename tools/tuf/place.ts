import { BuildError } from '../errors.ts';

/** Where a repository is: a directory, a web server or a bucket. Paths are relative, with `/`. */
export interface Place {
  /** For messages. Never with credentials. */
  readonly address: string;
  /**
   * A whole small file; undefined where there is none.
   * @throws BuildError tuf/too-long, tuf/refused, tuf/unreachable
   */
  read(path: string, maxBytes: number): Promise<Found | undefined>;
  /**
   * The bytes of a large file in pieces, each good until the next is asked for; undefined where there is none.
   * @throws BuildError tuf/refused, tuf/unreachable
   */
  stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Undefined where there is none. */
  stat(path: string): Promise<Stat | undefined>;
  /** Names of the files and folders right below a folder; undefined where nobody can tell. */
  list(folder: string): Promise<readonly string[] | undefined>;
}

export interface Found {
  readonly bytes: Uint8Array;
  /** What a later write can be made to depend on. */
  readonly etag?: string | undefined;
}

export interface Stat {
  readonly size: number;
  /** As far as the place knows it without reading the file. */
  readonly sha256?: string | undefined;
}

export interface WriteOptions {
  /** Seconds that caches may keep it. */
  readonly maxAgeSeconds: number;
  /** Only over what has this ETag; `absent`: only where there is nothing. Otherwise the write is refused. */
  readonly onlyOver?: { readonly etag: string } | 'absent';
}

/** Of what has its digest or its version in its name, and so never changes. */
export const FOREVER_SECONDS = 365 * 86_400;

/** A place that we may publish to. */
export interface WritablePlace extends Place {
  /** Whole or not at all. @throws BuildError tuf/interleaved when `onlyOver` does not hold */
  writeBytes(path: string, bytes: Uint8Array, options: WriteOptions): Promise<void>;
  /** A file of this machine, checked on its way. @throws BuildError tuf/changed-file */
  writeFile(path: string, file: LocalFile, onProgress: (bytes: number) => void): Promise<void>;
  /** The same bytes under another name. `of` is there and holds them, so that they need not be sent once more where the place can copy. */
  writeCopy(
    copy: { readonly path: string; readonly of: string },
    file: LocalFile,
    onProgress: (bytes: number) => void,
  ): Promise<void>;
}

export interface LocalFile {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

export function tooLong(address: string, maxBytes: number): BuildError {
  return new BuildError('tuf/too-long', `Cannot read ${address}: expected at most ${maxBytes} bytes, got more`);
}

/** Reads to the end, or to where it is too long: an endless answer ends here. */
export async function readAtMost(
  chunks: AsyncIterable<Uint8Array>,
  { address, maxBytes }: { address: string; maxBytes: number },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLong(address, maxBytes);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** What two writers of one timestamp are told. */
export function interleaved(address: string): BuildError {
  return new BuildError(
    'tuf/interleaved',
    `Cannot publish ${address}: someone else has published since this was planned`,
    {
      hint: 'Make the repository again on top of what is published now: npx tsx Makefile.ts repo create',
    },
  );
}
