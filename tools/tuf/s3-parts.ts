/** A large file goes into a bucket in parts, each with its own checksum. Nothing is there until the last has come and all fit together. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import type * as S3 from '@aws-sdk/client-s3';
import type { CompletedPart, CreateMultipartUploadCommandInput, S3Client } from '@aws-sdk/client-s3';

import { changed } from './directory.ts';
import type { LocalFile } from './place.ts';

/** S3 takes 10,000 parts of an object: 156 GiB of it in these. One is held in memory. */
export const PART_BYTES = 16 << 20;

interface Where {
  readonly Bucket: string;
  readonly Key: string;
}

export interface PartsUpload {
  readonly sdk: typeof S3;
  readonly client: S3Client;
  readonly where: Where;
  /** What else the object gets. */
  readonly attributes: Partial<CreateMultipartUploadCommandInput>;
}

/** An upload that was begun, and what it has: part number -> part. */
interface Begun {
  readonly target: Where & { readonly UploadId: string };
  readonly parts: ReadonlyMap<number, CompletedPart>;
}

/** What a killed run left of it is gone on with. @throws BuildError tuf/changed-file */
export async function uploadInParts(
  file: LocalFile,
  upload: PartsUpload,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const begun = (await findBegun(upload)) ?? (await begin(upload));
  const Parts = await sendParts(file, { upload, begun }, onProgress);
  await upload.client.send(
    new upload.sdk.CompleteMultipartUploadCommand({ ...begun.target, MultipartUpload: { Parts } }),
  );
}

async function findBegun({ sdk, client, where }: PartsUpload): Promise<Begun | undefined> {
  const command = new sdk.ListMultipartUploadsCommand({ Bucket: where.Bucket, Prefix: where.Key });
  const { Uploads = [] } = await client.send(command);
  const UploadId = Uploads.find(({ Key }) => Key === where.Key)?.UploadId;
  if (UploadId === undefined) return undefined;
  const target = { ...where, UploadId };
  const parts = new Map<number, CompletedPart>();
  for await (const { Parts = [] } of sdk.paginateListParts({ client }, target))
    for (const part of Parts) parts.set(part.PartNumber ?? 0, part);
  return { target, parts };
}

async function begin({ sdk, client, where, attributes }: PartsUpload): Promise<Begun> {
  const command = new sdk.CreateMultipartUploadCommand({ ...attributes, ...where, ChecksumAlgorithm: 'SHA256' });
  const { UploadId = '' } = await client.send(command);
  return { target: { ...where, UploadId }, parts: new Map() };
}

async function sendParts(
  file: LocalFile,
  { upload, begun }: { upload: PartsUpload; begun: Begun },
  onProgress: (bytes: number) => void,
): Promise<CompletedPart[]> {
  await using source = await open(file.path);
  const whole = createHash('sha256');
  const parts: CompletedPart[] = [];
  for (let PartNumber = 1, at = 0; at < file.size; PartNumber += 1, at += PART_BYTES) {
    const Body = await readPart(source, at, Math.min(PART_BYTES, file.size - at));
    whole.update(Body);
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
    parts.push(await sendPart({ PartNumber, Body, ChecksumSHA256 }, { upload, begun }));
    onProgress(Body.byteLength);
  }
  if (whole.digest('hex') !== file.sha256) throw changed(file.path, file.sha256);
  return parts;
}

async function readPart(source: FileHandle, at: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await source.read(Buffer.allocUnsafe(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

/** Only one whose checksum is there already is not sent. */
async function sendPart(
  part: { readonly PartNumber: number; readonly Body: Buffer; readonly ChecksumSHA256: string },
  { upload: { sdk, client }, begun: { target, parts } }: { upload: PartsUpload; begun: Begun },
): Promise<CompletedPart> {
  const { PartNumber, ChecksumSHA256 } = part;
  const there = parts.get(PartNumber);
  if (there?.ChecksumSHA256 === ChecksumSHA256) return { PartNumber, ETag: there.ETag, ChecksumSHA256 };
  const { ETag } = await client.send(new sdk.UploadPartCommand({ ...target, ...part }));
  return { PartNumber, ETag, ChecksumSHA256 };
}
