/** What EBS direct gives of a snapshot, by the rules that its reference documents. */
import { createHash } from 'node:crypto';

import { ApiError } from './wire.ts';
import type { RestAnswer, RestRequest } from './wire.ts';
import { BLOCK_BYTES } from './world.ts';
import type { Snapshot, World } from './world.ts';

export function listBlocks(world: World, snapshot: Snapshot, { query }: RestRequest): RestAnswer {
  const most = Number(query.get('maxResults') ?? 10_000);
  if (most < 100 || most > 10_000) throw new ApiError('ValidationException', 'MaxResults is from 100 to 10000');
  const from = Number(query.get('pageToken') ?? query.get('startingBlockIndex') ?? 0);
  const indexes = [...world.contentOf(snapshot).keys()].toSorted((a, b) => a - b).filter((index) => index >= from);
  const page = indexes.slice(0, most);
  const next = indexes[most];
  return {
    body: {
      Blocks: page.map((BlockIndex) => ({ BlockIndex, BlockToken: tokenOf(snapshot, BlockIndex) })),
      BlockSize: BLOCK_BYTES,
      VolumeSize: snapshot.sizeGiB,
      ...(next !== undefined && { NextToken: String(next) }),
    },
  };
}

export function getBlock(
  world: World,
  snapshot: Snapshot,
  { index, token }: { index: number; token: string | null },
): RestAnswer {
  const data = world.contentOf(snapshot).get(index);
  if (data === undefined || token !== tokenOf(snapshot, index))
    throw new ApiError('ValidationException', 'The block token is of no block');
  return {
    headers: {
      'x-amz-Data-Length': String(data.length),
      'x-amz-Checksum': createHash('sha256').update(data).digest('base64'),
      'x-amz-Checksum-Algorithm': 'SHA256',
      'content-type': 'application/octet-stream',
    },
    body: data,
  };
}

function tokenOf({ id }: Snapshot, index: number): string {
  return createHash('sha256').update(`${id}/${index}`).digest('base64');
}

/** Public snapshots, and those that are not complete, cannot be read. */
export function readable(snapshot: Snapshot): Snapshot {
  if (snapshot.state !== 'completed') throw new ApiError('ValidationException', 'The snapshot is not completed');
  if (snapshot.permissions.some(({ kind }) => kind === 'Group'))
    throw new ApiError('ValidationException', 'The snapshot is public');
  return snapshot;
}
