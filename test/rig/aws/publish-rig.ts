import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { Rig } from '../rig.ts';
import type { Finished } from '../rig.ts';
import { runHere } from '../here.ts';
import { makeDisk } from './disk-fixture.ts';
import type { DiskFixture } from './disk-fixture.ts';
import { AwsEndpoint } from './endpoint.ts';

const GIB = 1024 ** 3;

/** Disks as large as a build's smallest, made once for all checkouts of a test file. */
export class Disks implements AsyncDisposable {
  readonly dir: string;
  readonly os: DiskFixture;
  readonly data: DiskFixture;
  readonly nextOs: DiskFixture;

  private constructor(dir: string, { os, data, nextOs }: Pick<Disks, 'os' | 'data' | 'nextOs'>) {
    this.dir = dir;
    this.os = os;
    this.data = data;
    this.nextOs = nextOs;
  }

  static async create(): Promise<Disks> {
    const dir = await mkdtemp(join(tmpdir(), 'slipway-disks-'));
    const make = (name: string, blocks: Record<number, string>): Promise<DiskFixture> =>
      makeDisk(join(dir, name), { bytes: GIB, blocks });
    const os = await make('os', { 0: 'gpt', 3: 'boot', 700: 'root', 2047: 'backup gpt' });
    const nextOs = await make('next', { 0: 'gpt', 3: 'new boot', 2047: 'backup gpt' });
    return new Disks(dir, { os, nextOs, data: await make('data', { 0: 'data' }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export const INFRA = `aws:
  regions: [eu-north-1, eu-west-1]
  ssm-prefix: /acme/os
  tags: { team: os }
`;

/** A checkout whose variant aws-dev seems built, and a cloud of its own. */
export class PublishRig implements AsyncDisposable {
  readonly rig: Rig;
  readonly endpoint: AwsEndpoint;
  readonly #disks: Disks;

  private constructor(rig: Rig, endpoint: AwsEndpoint, disks: Disks) {
    this.rig = rig;
    this.endpoint = endpoint;
    this.#disks = disks;
  }

  static async create(disks: Disks, infra = INFRA): Promise<PublishRig> {
    const rig = await Rig.create({
      'Infra.yaml': infra,
      'Release.yaml': 'name: slipway\npretty-name: Slipway OS\nversion: 1.2.3\n',
      'variants/aws-dev/variant.yaml':
        'arches: [x86_64, aarch64]\npackages: [release]\nimage: { layout: { os: 1GiB } }\n',
      'variants/aws-one/variant.yaml':
        'arches: [x86_64]\npackages: [release]\nimage: { layout: { plan: unified, os: 1GiB } }\n',
    });
    const made = new PublishRig(rig, await AwsEndpoint.start(), disks);
    await made.build('1.2.3-abcd1234', disks.os);
    return made;
  }

  get dir(): string {
    return this.rig.dir;
  }

  /** What `build --variant aws-dev` would leave. */
  async build(version: string, os: DiskFixture, variant = 'aws-dev'): Promise<void> {
    const parent = join(this.dir, 'build/images', `x86_64-${variant}`);
    const dir = join(parent, version);
    await mkdir(dir, { recursive: true });
    const stem = `slipway-${variant}-x86_64-${version}`;
    const files = [
      [`${stem}.img.lz4`, os],
      [`${stem}-data.img.lz4`, this.#disks.data],
    ] as const;
    for (const [name, { path }] of files) await copyFile(path, join(dir, name));
    await writeFile(join(dir, 'SHA256SUMS'), files.map(([name, { sha256 }]) => `${sha256}  ${name}\n`).join(''));
    await rm(join(parent, 'latest'), { force: true });
    await symlink(version, join(parent, 'latest'));
  }

  /** Runs the command line within this process: loading the SDK anew for each would take longer than all else. */
  async make(...argv: readonly string[]): Promise<Omit<Finished, 'signal'>> {
    const patience = /^(ami|ssm|release)$/.test(argv[0] ?? '') ? ['--patience', '2'] : [];
    // The SDK reads its own variables; there is no other way to hand them to it.
    Object.assign(process.env, this.endpoint.env, {
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    });
    const variant = argv.includes('--variant') ? [] : ['--variant', 'aws-dev'];
    return await runHere(this.dir, [...argv, ...variant, ...patience]);
  }

  /** Runs a verb that has to end well, and gives its text. */
  async ok(...argv: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.make(...argv);
    if (status !== 0)
      throw new Error(`Expected ${argv.join(' ')} to end well, got status ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endpoint[Symbol.asyncDispose]();
    await this.rig[Symbol.asyncDispose]();
  }
}
