import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { z } from 'zod';

import { guard } from '../publish/journal.ts';

const headerSchema = z.object({
  snapshot: z.string(),
  content: z.string(),
  parent: z.string().optional(),
  /** The snapshot is complete, and these are all blocks that it holds. */
  whole: z.boolean().default(false),
});
const lineSchema = z.tuple([z.int().min(0), z.string()]);

export type JournalHeader = z.output<typeof headerSchema>;

/**
 * Which blocks of a snapshot the service has acknowledged: a header, then a line `[index,"digest"]` for each. A line that was cut off
 * or lost costs one block sent again, which the API allows; so nothing waits for the disk. The journal of a finished snapshot stays:
 * the next release is uploaded as what differs from it.
 */
export class SnapshotJournal {
  readonly path: string;
  readonly header: JournalHeader;
  readonly digests: Map<number, string>;
  #file: number | undefined;

  private constructor(path: string, header: JournalHeader, digests: Map<number, string>) {
    this.path = path;
    this.header = header;
    this.digests = digests;
  }

  /** Undefined where there is none, or none that can be read. */
  static read(path: string): SnapshotJournal | undefined {
    if (!existsSync(path)) return undefined;
    const [first = '', ...rest] = readFileSync(path, 'utf8').split('\n');
    const header = headerSchema.safeParse(parseJson(first));
    if (!header.success) return undefined;
    const digests = new Map<number, string>();
    for (const line of rest) {
      const parsed = lineSchema.safeParse(parseJson(line));
      if (parsed.success) digests.set(...parsed.data);
    }
    return new SnapshotJournal(path, header.data, digests);
  }

  /** Written aside and renamed. @throws BuildError publish/journal */
  static write(path: string, header: JournalHeader, digests: ReadonlyMap<number, string> = new Map()): SnapshotJournal {
    const lines = [header, ...digests].map((line) => `${JSON.stringify(line)}\n`);
    return guard(path, () => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(`${path}.part`, lines.join(''));
      renameSync(`${path}.part`, path);
      return new SnapshotJournal(path, header, new Map(digests));
    });
  }

  /** @throws BuildError publish/journal */
  add(index: number, digest: string): void {
    if (this.digests.get(index) === digest) return;
    this.digests.set(index, digest);
    guard(this.path, () => {
      this.#file ??= openSync(this.path, 'a');
      writeSync(this.#file, `${JSON.stringify([index, digest])}\n`);
    });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Before anything that costs: room for a line of every block, proven by writing. @throws BuildError publish/journal */
export function reserveJournal(dir: string, blocks: number): void {
  const LINE_BYTES = 64;
  const path = `${dir}/.room`;
  guard(path, () => {
    mkdirSync(dir, { recursive: true });
    writeFileSync(path, Buffer.alloc(blocks * LINE_BYTES, '\n'), { flush: true });
    rmSync(path);
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
