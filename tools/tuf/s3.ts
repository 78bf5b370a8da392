import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';

import type * as S3 from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';

import type { AwsAccess } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { awsClient, awsFailure, httpStatus } from '../keys/aws-access.ts';
import { changed } from './directory.ts';
import { FOREVER_SECONDS, interleaved, readAtMost } from './place.ts';
import type { Found, LocalFile, Stat, WritablePlace, WriteOptions } from './place.ts';
import { PART_BYTES, uploadInParts } from './s3-parts.ts';

type Sdk = typeof S3;

/** Larger files go up in parts; this one is read into memory. */
const ONE_PUT_MAX_BYTES = 2 * PART_BYTES;
/** Our own record of what a part-wise upload holds as a whole: S3's checksum of such is one of checksums. */
const SHA256_KEY = 'sha256';

/** `s3://<bucket>/<prefix>`, at AWS or at another server that speaks as S3 does. */
export async function openBucket(address: string, access: AwsAccess): Promise<WritablePlace> {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(address) ?? [];
  if (bucket === '')
    throw new BuildError('tuf/unknown-place', `Cannot read "${address}": expected s3://<bucket>/<prefix>`);
  const sdk = await import('@aws-sdk/client-s3');
  // Servers other than AWS's own have no name for each bucket.
  const client = new sdk.S3Client({
    ...awsClient(access),
    forcePathStyle: access.endpoint !== undefined,
    followRegionRedirects: true,
  });
  return new Bucket(sdk, client, { bucket, prefix: prefix.replace(/\/+$/, '') });
}

interface Names {
  readonly bucket: string;
  readonly prefix: string;
}

class Bucket implements WritablePlace {
  readonly address: string;
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #names: Names;

  constructor(sdk: Sdk, client: S3Client, names: Names) {
    this.#sdk = sdk;
    this.#client = client;
    this.#names = names;
    this.address = `s3://${names.bucket}/${names.prefix}`;
  }

  async read(path: string, maxBytes: number): Promise<Found | undefined> {
    const answer = await this.#get(path);
    if (answer === undefined) return undefined;
    const bytes = await readAtMost(bodyOf(answer), { address: this.#shown(path), maxBytes });
    return { bytes, etag: answer.ETag };
  }

  async stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const answer = await this.#get(path);
    return answer === undefined ? undefined : bodyOf(answer);
  }

  async stat(path: string): Promise<Stat | undefined> {
    try {
      const command = new this.#sdk.HeadObjectCommand({ ...this.#where(path), ChecksumMode: 'ENABLED' });
      const { ContentLength = 0, ChecksumSHA256, ChecksumType, Metadata } = await this.#client.send(command);
      const whole = ChecksumSHA256 !== undefined && ChecksumType !== 'COMPOSITE' && !ChecksumSHA256.includes('-');
      const sha256 = whole ? Buffer.from(ChecksumSHA256, 'base64').toString('hex') : Metadata?.[SHA256_KEY];
      return { size: ContentLength, sha256 };
    } catch (error) {
      if (httpStatus(error) === 404) return undefined;
      throw this.#refused('read', path, error);
    }
  }

  async list(folder: string): Promise<readonly string[]> {
    const prefix = [this.#names.prefix, folder].filter((part) => part !== '').join('/');
    const names: string[] = [];
    const request = { Bucket: this.#names.bucket, Prefix: prefix === '' ? '' : `${prefix}/`, Delimiter: '/' };
    try {
      for await (const page of this.#sdk.paginateListObjectsV2({ client: this.#client }, request)) {
        const keys = [
          ...(page.Contents ?? []).map(({ Key }) => Key),
          ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        ];
        names.push(...keys.flatMap((key) => key?.slice(request.Prefix.length).replace(/\/$/, '') ?? []));
      }
      return names.toSorted();
    } catch (error) {
      throw this.#refused('list', folder, error);
    }
  }

  async writeBytes(path: string, bytes: Uint8Array, { maxAgeSeconds, onlyOver }: WriteOptions): Promise<void> {
    await this.#put(path, {
      Body: bytes,
      ContentType: 'application/json',
      CacheControl: `max-age=${maxAgeSeconds}`,
      ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
      ...(onlyOver === undefined ? {} : conditionOf(onlyOver)),
    });
  }

  async writeFile(path: string, file: LocalFile, onProgress: (bytes: number) => void): Promise<void> {
    if (file.size > ONE_PUT_MAX_BYTES) return await this.#writeParts(path, file, onProgress);
    const body = await buffer(createReadStream(file.path));
    const digest = createHash('sha256').update(body).digest();
    if (digest.toString('hex') !== file.sha256) throw changed(file.path, file.sha256);
    await this.#put(path, { Body: body, ChecksumSHA256: digest.toString('base64'), ...lasting(file) });
    onProgress(file.size);
  }

  async #writeParts(path: string, file: LocalFile, onProgress: (bytes: number) => void): Promise<void> {
    const upload = { sdk: this.#sdk, client: this.#client, where: this.#where(path), attributes: lasting(file) };
    try {
      await uploadInParts(file, upload, onProgress);
    } catch (error) {
      if (error instanceof BuildError) throw error;
      throw this.#refused('write', path, error);
    }
  }

  async #get(path: string): Promise<GetObjectCommandOutput | undefined> {
    try {
      return await this.#client.send(new this.#sdk.GetObjectCommand({ ...this.#where(path), ChecksumMode: 'ENABLED' }));
    } catch (error) {
      if (error instanceof this.#sdk.NoSuchKey || httpStatus(error) === 404) return await this.#absentIn(error, path);
      throw this.#refused('read', path, error);
    }
  }

  /** A bucket that is not there is no empty one. */
  #absentIn(error: unknown, path: string): Promise<undefined> {
    if (error instanceof this.#sdk.NoSuchBucket) throw this.#refused('read', path, error);
    return Promise.resolve(undefined);
  }

  async #put(path: string, input: Omit<PutObjectCommandInput, 'Bucket' | 'Key'>): Promise<void> {
    try {
      await this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#where(path), ...input }));
    } catch (error) {
      // 412: the condition does not hold. 409: somebody writes the same object right now.
      if ([412, 409].includes(httpStatus(error) ?? 0)) throw interleaved(this.#shown(path));
      throw this.#refused('write', path, error);
    }
  }

  #where(path: string): { Bucket: string; Key: string } {
    return { Bucket: this.#names.bucket, Key: [this.#names.prefix, path].filter((part) => part !== '').join('/') };
  }

  #shown(path: string): string {
    return `${this.address.replace(/\/$/, '')}/${path}`;
  }

  #refused(doing: string, path: string, cause: unknown): BuildError {
    return awsFailure('tuf/refused', `Cannot ${doing} ${this.#shown(path)}`, cause);
  }
}

function conditionOf(onlyOver: NonNullable<WriteOptions['onlyOver']>): { IfMatch: string } | { IfNoneMatch: string } {
  return onlyOver === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: onlyOver.etag };
}

function lasting({ sha256 }: LocalFile): { CacheControl: string; Metadata: Record<string, string> } {
  return { CacheControl: `max-age=${FOREVER_SECONDS}, immutable`, Metadata: { [SHA256_KEY]: sha256 } };
}

function bodyOf({ Body }: GetObjectCommandOutput): AsyncIterable<Uint8Array> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- in Node, the SDK's body is always a stream of buffers
  return Body as unknown as AsyncIterable<Uint8Array>;
}
