import type { AwsAccess } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { awsClient } from '../keys/aws-access.ts';
import { readAtMost } from './place.ts';
import type { Found, LocalFile, Stat, WritablePlace, WriteOptions } from './place.ts';
import { shown } from './s3-bucket.ts';
import type { Bucket } from './s3-bucket.ts';
import { bodyOf, getObject, listObjects, statObject } from './s3-read.ts';
import { copyObject, putBytes, putFile } from './s3-write.ts';

/** `s3://<bucket>/<prefix>`, at AWS or at another server that speaks as S3 does. */
export async function openBucket(address: string, access: AwsAccess): Promise<WritablePlace> {
  const [, name = '', prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(address) ?? [];
  if (name === '')
    throw new BuildError('tuf/unknown-place', `Cannot read "${address}": expected s3://<bucket>/<prefix>`);
  const sdk = await import('@aws-sdk/client-s3');
  // Servers other than AWS's own have no name for each bucket.
  const client = new sdk.S3Client({
    ...awsClient(access),
    forcePathStyle: access.endpoint !== undefined,
    followRegionRedirects: true,
  });
  return new BucketPlace({ sdk, client, name, prefix: prefix.replace(/\/+$/, '') });
}

class BucketPlace implements WritablePlace {
  readonly address: string;
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    this.address = shown(bucket, '');
  }

  async read(path: string, maxBytes: number): Promise<Found | undefined> {
    const answer = await getObject(this.#bucket, path);
    if (answer === undefined) return undefined;
    const bytes = await readAtMost(bodyOf(answer), { address: shown(this.#bucket, path), maxBytes });
    return { bytes, etag: answer.ETag };
  }

  async stream(path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const answer = await getObject(this.#bucket, path);
    return answer === undefined ? undefined : bodyOf(answer);
  }

  stat(path: string): Promise<Stat | undefined> {
    return statObject(this.#bucket, path);
  }

  list(folder: string): Promise<readonly string[]> {
    return listObjects(this.#bucket, folder);
  }

  writeBytes(path: string, bytes: Uint8Array, options: WriteOptions): Promise<void> {
    return putBytes(this.#bucket, { path, bytes }, options);
  }

  writeFile(path: string, file: LocalFile, onProgress: (bytes: number) => void): Promise<void> {
    return putFile(this.#bucket, { path, file }, onProgress);
  }

  async writeCopy(
    copy: { path: string; of: string },
    file: LocalFile,
    onProgress: (bytes: number) => void,
  ): Promise<void> {
    if ((await copyObject(this.#bucket, copy, file)) === 'copied') onProgress(file.size);
    else await this.writeFile(copy.path, file, onProgress);
  }
}
