/** What goes into a bucket: each object whole, and with a checksum that the other side reckons too. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';

import type { PutObjectCommandInput } from '@aws-sdk/client-s3';

import { BuildError } from '../errors.ts';
import { httpStatus } from '../keys/aws-access.ts';
import { changed } from './directory.ts';
import { interleaved } from './place.ts';
import type { LocalFile, WriteOptions } from './place.ts';
import { lasting, refused, shown, whereOf } from './s3-bucket.ts';
import type { Bucket } from './s3-bucket.ts';
import { PART_BYTES, uploadInParts } from './s3-parts.ts';
import { reckonedSha256 } from './s3-read.ts';

/** Larger files go up in parts; this one is read into memory. */
const ONE_PUT_MAX_BYTES = 2 * PART_BYTES;
/** What S3 copies at once. */
const COPY_MAX_BYTES = 5 * 2 ** 30;

/** @throws BuildError tuf/interleaved, tuf/refused */
export async function putBytes(
  bucket: Bucket,
  { path, bytes }: { readonly path: string; readonly bytes: Uint8Array },
  { maxAgeSeconds, onlyOver }: WriteOptions,
): Promise<void> {
  await put(bucket, path, {
    Body: bytes,
    ContentType: 'application/json',
    CacheControl: `max-age=${maxAgeSeconds}`,
    ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
    ...(onlyOver === undefined ? {} : conditionOf(onlyOver)),
  });
}

/** @throws BuildError tuf/changed-file, tuf/refused */
export async function putFile(
  bucket: Bucket,
  { path, file }: { readonly path: string; readonly file: LocalFile },
  onProgress: (bytes: number) => void,
): Promise<void> {
  if (file.size > ONE_PUT_MAX_BYTES) return await putParts(bucket, { path, file }, onProgress);
  const body = await buffer(createReadStream(file.path));
  const digest = createHash('sha256').update(body).digest();
  if (digest.toString('hex') !== file.sha256) throw changed(file.path, file.sha256);
  await put(bucket, path, { Body: body, ChecksumSHA256: digest.toString('base64'), ...lasting(file) });
  onProgress(file.size);
}

async function putParts(
  bucket: Bucket,
  { path, file }: { readonly path: string; readonly file: LocalFile },
  onProgress: (bytes: number) => void,
): Promise<void> {
  const { sdk, client } = bucket;
  const upload = { sdk, client, where: whereOf(bucket, path), attributes: lasting(file) };
  try {
    await uploadInParts(file, upload, onProgress);
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw refused(`write ${shown(bucket, path)}`, error);
  }
}

/**
 * Another name for an object that is there, without sending it again. The bucket reckons the digest of the copy: whether that is what
 * it has to be is the answer, and a bucket that does not copy, or does not reckon, answers no.
 */
export async function copyObject(
  bucket: Bucket,
  { path, of }: { readonly path: string; readonly of: string },
  file: LocalFile,
): Promise<'copied' | 'not-copied'> {
  if (file.size > COPY_MAX_BYTES) return 'not-copied';
  const { sdk, client } = bucket;
  const source = whereOf(bucket, of);
  const command = new sdk.CopyObjectCommand({
    ...whereOf(bucket, path),
    CopySource: [source.Bucket, ...source.Key.split('/')].map(encodeURIComponent).join('/'),
    ChecksumAlgorithm: 'SHA256',
    MetadataDirective: 'REPLACE',
    ...lasting(file),
  });
  try {
    const { CopyObjectResult } = await client.send(command);
    const head = new sdk.HeadObjectCommand({ ...whereOf(bucket, path), ChecksumMode: 'ENABLED' });
    const sha256 = reckonedSha256(CopyObjectResult ?? {}) ?? reckonedSha256(await client.send(head));
    return sha256 === file.sha256 ? 'copied' : 'not-copied';
  } catch {
    return 'not-copied';
  }
}

async function put(bucket: Bucket, path: string, input: Omit<PutObjectCommandInput, 'Bucket' | 'Key'>): Promise<void> {
  const { sdk, client } = bucket;
  try {
    await client.send(new sdk.PutObjectCommand({ ...whereOf(bucket, path), ...input }));
  } catch (error) {
    // 412: the condition does not hold. 409: somebody writes the same object right now.
    if ([412, 409].includes(httpStatus(error) ?? 0)) throw interleaved(shown(bucket, path));
    throw refused(`write ${shown(bucket, path)}`, error);
  }
}

function conditionOf(onlyOver: NonNullable<WriteOptions['onlyOver']>): { IfMatch: string } | { IfNoneMatch: string } {
  return onlyOver === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: onlyOver.etag };
}
