/** EBS direct APIs, REST with JSON, by the rules that their reference documents. */
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { getBlock, listBlocks, readable } from './ebs-read.ts';
import { ownKey } from './kms.ts';
import { ApiError } from './wire.ts';
import type { RestAnswer, RestRequest } from './wire.ts';
import { BLOCK_BYTES } from './world.ts';
import type { Caller, Snapshot, World } from './world.ts';

const GIB = 1024 ** 3;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

export function ebsAction({ method, path }: Pick<RestRequest, 'method' | 'path'>): string {
  if (path === '/snapshots') return 'StartSnapshot';
  if (path.startsWith('/snapshots/completion/')) return 'CompleteSnapshot';
  if (path.endsWith('/blocks')) return 'ListSnapshotBlocks';
  if (path.endsWith('/changedblocks')) return 'ListChangedBlocks';
  return method === 'PUT' ? 'PutSnapshotBlock' : 'GetSnapshotBlock';
}

const startSchema = z.object({
  VolumeSize: z.int().min(1).max(65_536),
  Description: z.string().max(255).optional(),
  ParentSnapshotId: z.string().optional(),
  Tags: z
    .array(z.object({ Key: z.string(), Value: z.string() }))
    .max(50)
    .default([]),
  Encrypted: z.boolean().optional(),
  KmsKeyArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:.*:\d{12}:key\/.*$/)
    .optional(),
  ClientToken: z
    .string()
    .regex(/^\S{1,64}$/)
    .optional(),
  Timeout: z.int().min(10).max(4320).default(60),
});

/** Whether the request asks for tags, which is an action of its own to IAM. */
export function ebsTags(request: RestRequest): boolean {
  return ebsAction(request) === 'StartSnapshot' && request.body.includes('"Tags"');
}

export function serveEbs(world: World, caller: Caller, request: RestRequest): RestAnswer {
  const [, , id = '', , index = ''] = request.path.split('/');
  switch (ebsAction(request)) {
    case 'StartSnapshot':
      return startSnapshot(world, caller, request);
    case 'CompleteSnapshot':
      return completeSnapshot(find(world, caller, request.path.split('/')[3] ?? ''), request);
    case 'PutSnapshotBlock':
      return putBlock(find(world, caller, id), Number(index), request);
    case 'ListSnapshotBlocks':
      return listBlocks(world, readable(find(world, caller, id)), request);
    case 'GetSnapshotBlock':
      return getBlock(world, readable(find(world, caller, id)), {
        index: Number(index),
        token: request.query.get('blockToken'),
      });
    default:
      throw new ApiError('ValidationException', `${request.method} ${request.path} is not known here`);
  }
}

function startSnapshot(world: World, caller: Caller, request: RestRequest): RestAnswer {
  const parsed = startSchema.safeParse(JSON.parse(request.body.toString()));
  if (!parsed.success) throw new ApiError('ValidationException', parsed.error.message);
  const { ClientToken: token, ...wanted } = parsed.data;
  const tokenKey = `${caller.account}/${caller.region}/snapshot/${token}`;
  const known = token === undefined ? undefined : world.recall(tokenKey, JSON.stringify(wanted));
  const snapshot = known === undefined ? create(world, caller, wanted) : world.snapshots.get(known);
  if (snapshot === undefined) throw new ApiError('ResourceNotFoundException', `${known} is gone`, 404);
  if (token !== undefined) world.tokens.set(tokenKey, { request: JSON.stringify(wanted), result: snapshot.id });
  const { id, sizeGiB, description } = snapshot;
  return {
    status: 201,
    body: {
      SnapshotId: id,
      OwnerId: caller.account,
      Status: 'pending',
      VolumeSize: sizeGiB,
      BlockSize: BLOCK_BYTES,
      Description: description,
    },
  };
}

function create(world: World, caller: Caller, wanted: Omit<z.output<typeof startSchema>, 'ClientToken'>): Snapshot {
  if (wanted.KmsKeyArn !== undefined && wanted.Encrypted !== true)
    throw new ApiError('ValidationException', 'KmsKeyArn needs Encrypted');
  if (wanted.ParentSnapshotId !== undefined && wanted.Encrypted !== undefined)
    throw new ApiError('ValidationException', 'Encrypted and ParentSnapshotId exclude one another');
  const parent = wanted.ParentSnapshotId === undefined ? undefined : find(world, caller, wanted.ParentSnapshotId);
  if (parent !== undefined && (parent.state !== 'completed' || parent.sizeGiB > wanted.VolumeSize))
    throw new ApiError('ValidationException', 'The parent is not completed, or larger');
  const snapshot: Snapshot = {
    id: world.nextId('snap'),
    owner: caller.account,
    region: caller.region,
    sizeGiB: wanted.VolumeSize,
    description: wanted.Description ?? '',
    tags: Object.fromEntries(wanted.Tags.map(({ Key, Value }) => [Key, Value])),
    startedAt: new Date(),
    ...encryption(caller, parent, { Encrypted: world.encrypting.has(caller.region), ...wanted }),
    parent: parent?.id,
    blocks: new Map(),
    state: 'pending',
    sealed: false,
    polls: world.polls,
    permissions: [],
  };
  world.snapshots.set(snapshot.id, snapshot);
  return snapshot;
}

function encryption(
  caller: Caller,
  parent: Snapshot | undefined,
  {
    Encrypted = false,
    KmsKeyArn = ownKey(caller),
  }: { Encrypted?: boolean | undefined; KmsKeyArn?: string | undefined },
): Pick<Snapshot, 'encrypted' | 'kmsKey'> {
  if (parent !== undefined) return { encrypted: parent.encrypted, kmsKey: parent.kmsKey };
  return { encrypted: Encrypted, kmsKey: Encrypted ? KmsKeyArn : undefined };
}

function putBlock(snapshot: Snapshot, index: number, { header, body }: RestRequest): RestAnswer {
  if (snapshot.sealed || snapshot.state !== 'pending')
    throw new ApiError('ValidationException', 'The snapshot is not pending');
  if (header('x-amz-data-length') !== String(BLOCK_BYTES) || body.length !== BLOCK_BYTES)
    throw new ApiError('ValidationException', `Expected ${BLOCK_BYTES} bytes of block data`);
  if (index < 0 || index >= (snapshot.sizeGiB * GIB) / BLOCK_BYTES)
    throw new ApiError('ValidationException', 'The block is beyond the volume');
  if (header('x-amz-checksum-algorithm') !== 'SHA256')
    throw new ApiError('ValidationException', 'Expected the algorithm SHA256');
  const checksum = createHash('sha256').update(body).digest('base64');
  if (header('x-amz-checksum') !== checksum)
    throw new ApiError('ValidationException', 'The check sum is that of other data');
  // Thousands of them would be gigabytes.
  snapshot.blocks.set(index, body.equals(ZEROS) ? ZEROS : body);
  return { status: 201, headers: { 'x-amz-Checksum': checksum, 'x-amz-Checksum-Algorithm': 'SHA256' }, body: {} };
}

function completeSnapshot(snapshot: Snapshot, { header }: RestRequest): RestAnswer {
  if (snapshot.sealed) throw new ApiError('ValidationException', 'The snapshot is not pending');
  if (header('x-amz-changedblockscount') !== String(snapshot.blocks.size))
    throw new ApiError('ValidationException', `Expected ${snapshot.blocks.size} changed blocks`);
  const hash = createHash('sha256');
  for (const index of [...snapshot.blocks.keys()].toSorted((a, b) => a - b))
    hash.update(
      createHash('sha256')
        .update(snapshot.blocks.get(index) ?? '')
        .digest(),
    );
  if (header('x-amz-checksum-aggregation-method') !== 'LINEAR' || header('x-amz-checksum') !== hash.digest('base64'))
    throw new ApiError('ValidationException', 'The aggregated check sum is that of other blocks');
  snapshot.sealed = true;
  return { status: 202, body: { Status: 'pending' } };
}

function find(world: World, caller: Caller, id: string): Snapshot {
  try {
    return world.snapshot(caller, id);
  } catch {
    throw new ApiError('ResourceNotFoundException', `The snapshot ${id} does not exist`, 404);
  }
}
