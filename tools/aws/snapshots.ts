/** Snapshots as EC2 tells of them. */
import type { Snapshot, Tag } from '@aws-sdk/client-ec2';

import { BuildError } from '../errors.ts';
import { until } from './wait.ts';
import type { Region } from './region.ts';

/** Of a page. */
const MOST_RESULTS = 1000;

export interface FoundSnapshot {
  readonly id: string;
  readonly state: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly startedAt: Date | undefined;
  readonly sizeGiB: number | undefined;
  readonly encrypted: boolean;
  /** ARN of the key that encrypts it. */
  readonly kmsKey: string | undefined;
}

/** Own snapshots with all of these tags, oldest first. */
export async function findSnapshots(
  at: Region,
  tags: Readonly<Record<string, string>>,
): Promise<readonly FoundSnapshot[]> {
  const Filters = Object.entries(tags).map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] }));
  return await describe(at, { OwnerIds: ['self'], Filters });
}

/** Those of `ids` that are there. */
export async function describeSnapshots(at: Region, ids: readonly string[]): Promise<readonly FoundSnapshot[]> {
  if (ids.length === 0) return [];
  return await describe(at, { OwnerIds: ['self'], Filters: [{ Name: 'snapshot-id', Values: [...ids] }] });
}

async function describe(
  at: Region,
  query: { OwnerIds: string[]; Filters: { Name: string; Values: string[] }[] },
): Promise<readonly FoundSnapshot[]> {
  const found: FoundSnapshot[] = [];
  let token: string | undefined;
  do {
    const page = { MaxResults: MOST_RESULTS, ...query, ...(token !== undefined && { NextToken: token }) };
    const answer = await at.call('ec2:DescribeSnapshots', (o) => at.ec2.describeSnapshots(page, o));
    found.push(...(answer.Snapshots ?? []).map(toFound));
    token = answer.NextToken === '' ? undefined : answer.NextToken;
  } while (token !== undefined);
  return found.toSorted((a, b) => (a.startedAt?.getTime() ?? 0) - (b.startedAt?.getTime() ?? 0));
}

function toFound(snapshot: Snapshot): FoundSnapshot {
  return {
    id: snapshot.SnapshotId ?? '',
    state: snapshot.State ?? 'pending',
    tags: readTags(snapshot.Tags),
    startedAt: snapshot.StartTime,
    sizeGiB: snapshot.VolumeSize,
    encrypted: snapshot.Encrypted === true,
    kmsKey: snapshot.KmsKeyId,
  };
}

export function readTags(tags: readonly Tag[] | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));
}

export function writeTags(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** @throws BuildError aws/snapshot-failed, aws/still-waiting */
export async function awaitSnapshot(at: Region, id: string, mostMs?: number): Promise<void> {
  await until(at, { what: `snapshot ${id}`, ...(mostMs !== undefined && { mostMs }) }, async () => {
    const [snapshot] = await describeSnapshots(at, [id]);
    if (snapshot?.state === 'error')
      throw new BuildError(
        'aws/snapshot-failed',
        `Cannot complete snapshot "${id}" in ${at.name}: its state is error`,
        {
          hint: 'Run the same command again: it starts another one, and "ami gc" removes this one',
        },
      );
    return snapshot?.state === 'completed' ? true : undefined;
  });
}
