import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { vi } from 'vitest';

import type { PeerServer } from './peers.ts';
import { UpdateRig } from './update-rig.ts';

const REGION = 'eu-north-1';

/** Larger than goes up in one piece, and not a whole number of parts: two of 16 MiB and a last one. */
export const KIT = Buffer.alloc((40 << 20) + 12_345, 'kit ');
export const PART_BYTES = 16 << 20;

/** An event that tells of more than one part of an upload. */
export function afterOnePart(line: string): boolean {
  return line.includes('"type":"task-progress"') && Number(/"done":(\d+)/.exec(line)?.[1]) > PART_BYTES;
}

/** A repository whose one key is a file, made and not yet published, beside the buckets of ministack. */
export class BucketRig implements AsyncDisposable {
  readonly fleet = ['--variant', 'metal-dev'];
  readonly rig: UpdateRig;
  readonly ministack: PeerServer;
  readonly s3: S3Client;

  private constructor(rig: UpdateRig, ministack: PeerServer) {
    this.rig = rig;
    this.ministack = ministack;
    this.s3 = new S3Client({ region: REGION, endpoint: ministack.url, forcePathStyle: true });
  }

  static async create(...buckets: readonly string[]): Promise<BucketRig> {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test-secret-that-no-log-may-hold');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    const rig = await UpdateRig.create();
    const made = new BucketRig(rig, await rig.peers.startMinistack());
    for (const Bucket of buckets) await made.s3.send(new CreateBucketCommand({ Bucket }));
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(rig.dir, 'online.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await made.configure();
    await rig.ok('root', 'init');
    await rig.ok('root', 'add-key', '--key', 'file:online.pem', '--role', 'root', 'targets', 'snapshot', 'timestamp');
    await rig.ok('root', 'sign', '--key', 'file:online.pem');
    await rig.build({ version: '1.0.0' });
    const large = 'build/images/x86_64-metal-dev/latest/slipway-metal-dev-x86_64-1.0.0-abcd1234-kmod-kit.tar.xz';
    await rig.rewrite(join(rig.dir, large), KIT);
    await rig.ok('repo', 'create', ...made.fleet);
    return made;
  }

  async configure(publish = ''): Promise<void> {
    const keys = '    signing-keys: { file: { path: online.pem } }\n';
    await this.rig.rig.write({ 'Infra.yaml': `repo:\n  bucket:\n${keys}${publish}` });
  }

  /** How ministack, or a server in front of it, is reached. */
  at(endpoint = this.ministack.url): string[] {
    return ['--endpoint', endpoint, '--region', REGION];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    vi.unstubAllEnvs();
    await this.ministack[Symbol.asyncDispose]();
    await this.rig[Symbol.asyncDispose]();
  }
}
