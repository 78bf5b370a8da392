/** What is in a bucket. */
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';

import { httpStatus } from '../keys/aws-access.ts';
import type { Stat } from './place.ts';
import { refused, SHA256_KEY, shown, whereOf } from './s3-bucket.ts';
import type { Bucket } from './s3-bucket.ts';

/** Undefined where there is no such object; a bucket that is not there is no empty one. @throws BuildError tuf/refused */
export async function getObject(bucket: Bucket, path: string): Promise<GetObjectCommandOutput | undefined> {
  const { sdk, client } = bucket;
  try {
    return await client.send(new sdk.GetObjectCommand({ ...whereOf(bucket, path), ChecksumMode: 'ENABLED' }));
  } catch (error) {
    const absent = error instanceof sdk.NoSuchKey || httpStatus(error) === 404;
    if (absent && !(error instanceof sdk.NoSuchBucket)) return undefined;
    throw refused(`read ${shown(bucket, path)}`, error);
  }
}

/** @throws BuildError tuf/refused */
export async function statObject(bucket: Bucket, path: string): Promise<Stat | undefined> {
  const { sdk, client } = bucket;
  try {
    const head = await client.send(new sdk.HeadObjectCommand({ ...whereOf(bucket, path), ChecksumMode: 'ENABLED' }));
    return { size: head.ContentLength ?? 0, sha256: reckonedSha256(head) ?? head.Metadata?.[SHA256_KEY] };
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw refused(`read ${shown(bucket, path)}`, error);
  }
}

/** What the bucket itself has reckoned of the object as a whole: not of its parts, and not what we wrote beside it. In hex. */
export function reckonedSha256({
  ChecksumSHA256,
  ChecksumType,
}: {
  ChecksumSHA256?: string | undefined;
  ChecksumType?: string | undefined;
}): string | undefined {
  const whole = ChecksumSHA256 !== undefined && ChecksumType !== 'COMPOSITE' && !ChecksumSHA256.includes('-');
  return whole ? Buffer.from(ChecksumSHA256, 'base64').toString('hex') : undefined;
}

/** Names right below a folder, as deep as the next slash. @throws BuildError tuf/refused */
export async function listObjects(bucket: Bucket, folder: string): Promise<readonly string[]> {
  const { sdk, client, name, prefix } = bucket;
  const below = [prefix, folder].filter((part) => part !== '').join('/');
  const request = { Bucket: name, Prefix: below === '' ? '' : `${below}/`, Delimiter: '/' };
  const names: string[] = [];
  try {
    for await (const page of sdk.paginateListObjectsV2({ client }, request)) {
      const keys = [
        ...(page.Contents ?? []).map(({ Key }) => Key),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      ];
      names.push(...keys.flatMap((key) => key?.slice(request.Prefix.length).replace(/\/$/, '') ?? []));
    }
    return names.toSorted();
  } catch (error) {
    throw refused(`list ${shown(bucket, folder)}`, error);
  }
}

export function bodyOf({ Body }: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- in Node, the SDK's body is always a stream of buffers
  return Body as unknown as AsyncIterable<Uint8Array>;
}
