import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

import { BuildError } from '../errors.ts';
import { ZERO_DIGEST } from './blocks.ts';
import { throwRejected } from './publication.ts';
import type { Region } from './region.ts';

/** What the API gives at once; the range is 100 to 10,000. */
const PAGE_BLOCKS = 10_000;
/** Of blocks at once. More of them are no faster, and each has pieces of a block in memory. */
const READERS = 32;

export interface ReadBackOptions {
  readonly snapshot: string;
  /** Of every block that must be there; what else is there must be zeros. */
  readonly digests: ReadonlyMap<number, string>;
  /** `index`: which blocks there are. `all`: what is in them, too. */
  readonly depth: 'index' | 'all';
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Asks the service for what it holds, and compares it with what was to be written.
 * @throws BuildError aws/other-content
 */
export async function readBack(at: Region, options: ReadBackOptions): Promise<void> {
  const { snapshot, digests, depth, onProgress } = options;
  const tokens = await listBlocks(at, snapshot);
  const missing = [...digests.keys()].filter((index) => !tokens.has(index));
  if (missing.length > 0)
    throw otherContent(at, snapshot, `${missing.length} blocks are missing, block ${Math.min(...missing)} first`);
  // A block that was written over with zeros is listed, too.
  const wanted = [...tokens].filter(([index]) => depth === 'all' || !digests.has(index));
  let done = 0;
  const wrong: number[] = [];
  const queue = drained(wanted);
  const work = async (): Promise<void> => {
    for (const [index, token] of queue) {
      const digest = await readBlock(at, { SnapshotId: snapshot, BlockIndex: index, BlockToken: token });
      if (digest !== (digests.get(index) ?? ZERO_DIGEST)) wrong.push(index);
      done += 1;
      onProgress(done, wanted.length);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(READERS, at.lanes.ebs.limit) }, work));
  // What fails for one fails for its neighbours: the first says it.
  throwRejected(ends.filter(({ status }) => status === 'rejected').slice(0, 1));
  if (wrong.length > 0)
    throw otherContent(at, snapshot, `${wrong.length} blocks differ, block ${Math.min(...wrong)} first`);
}

/** One queue for all who read: unlike an array's own, it ends for everybody where one of them fails. */
function* drained<T>(values: readonly T[]): Generator<T, void, undefined> {
  yield* values;
}

/** Block index -> the token that reads it. */
async function listBlocks(at: Region, snapshot: string): Promise<ReadonlyMap<number, string>> {
  const tokens = new Map<number, string>();
  let next: string | undefined;
  do {
    const page = { SnapshotId: snapshot, MaxResults: PAGE_BLOCKS, ...(next !== undefined && { NextToken: next }) };
    const answer = await at.call('ebs:ListSnapshotBlocks', (o) => at.ebs.listSnapshotBlocks(page, o));
    for (const { BlockIndex, BlockToken } of answer.Blocks ?? [])
      if (BlockIndex !== undefined && BlockToken !== undefined) tokens.set(BlockIndex, BlockToken);
    next = answer.NextToken;
  } while (next !== undefined);
  return tokens;
}

/** The digest of what came, not of what the answer says came; piece by piece, so that no block is ever whole in memory. */
async function readBlock(
  at: Region,
  block: { SnapshotId: string; BlockIndex: number; BlockToken: string },
): Promise<string> {
  return await at.call('ebs:GetSnapshotBlock', async (o) => {
    const { BlockData } = await at.ebs.getSnapshotBlock(block, o);
    if (!(BlockData instanceof Readable)) throw new TypeError('a block is a stream');
    const hash = createHash('sha256');
    for await (const piece of BlockData) if (Buffer.isBuffer(piece)) hash.update(piece);
    return hash.digest('base64');
  });
}

function otherContent(at: Region, snapshot: string, finding: string): BuildError {
  return new BuildError('aws/other-content', `Cannot vouch for snapshot "${snapshot}" in ${at.name}: ${finding}`, {
    hint: 'Remove it (ami gc --remove --older-than 0d) and run the same command again',
  });
}
