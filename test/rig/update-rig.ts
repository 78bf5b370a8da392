import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Arch } from '../../tools/config/arch.ts';
import {
  BOOT_SUFFIX,
  fileName,
  INVENTORY_SUFFIX,
  KMOD_KIT_SUFFIX,
  rootSuffix,
  variantDirectory,
  versionDirectory,
  VERITY_SUFFIX,
} from '../../tools/image/names.ts';
import { runCommand } from '../../tools/process/command.ts';
import { Peers } from './peers.ts';
import { Rig } from './rig.ts';
import type { Finished, RunOptions } from './rig.ts';

export interface FixtureBuild {
  readonly version: string;
  readonly buildId?: string;
  readonly variant?: string;
  readonly arch?: Arch;
  /** Bytes of each image before compression. */
  readonly imageBytes?: number;
  /** Lines of Release.yaml. */
  readonly migrations?: Readonly<Record<string, readonly string[]>>;
}

const SUFFIXES = [
  '.img.lz4',
  '-data.img.lz4',
  BOOT_SUFFIX,
  rootSuffix('erofs'),
  VERITY_SUFFIX,
  KMOD_KIT_SUFFIX,
  INVENTORY_SUFFIX,
];

/** A checkout whose variants seem built: small files under the names of a real build, images as real LZ4 frames. */
export class UpdateRig implements AsyncDisposable {
  readonly rig: Rig;
  readonly peers: Peers;

  private constructor(rig: Rig, peers: Peers) {
    this.rig = rig;
    this.peers = peers;
  }

  static async create(): Promise<UpdateRig> {
    return new UpdateRig(await Rig.create({}), await Peers.create());
  }

  get dir(): string {
    return this.rig.dir;
  }

  make(...argv: readonly string[]): Promise<Finished> {
    return this.makeWith({}, ...argv);
  }

  /** The user's configuration, and so the development key, is the test's own. */
  makeWith({ env = {}, ...options }: RunOptions, ...argv: readonly string[]): Promise<Finished> {
    return this.rig.makeWith({ ...options, env: { XDG_CONFIG_HOME: join(this.dir, '.config'), ...env } }, ...argv);
  }

  /** The `data` of a verb that has to end well. */
  async result(...argv: readonly string[]): Promise<Record<string, unknown>> {
    const { status, stdout, stderr } = await this.make('--json', ...argv);
    if (status !== 0)
      throw new Error(`Expected ${argv.join(' ')} to end well, got status ${status}:\n${stdout}${stderr}`);
    const events = stdout.split('\n').filter((line) => line.includes('"type":"result"'));
    const event = JSON.parse(events.at(-1) ?? '{}') as { data: Record<string, unknown> };
    return event.data;
  }

  /** What `build --variant` would leave. */
  async build({
    version,
    buildId = 'abcd1234',
    variant = 'metal-dev',
    arch = 'x86_64',
    imageBytes = 4096,
    migrations,
  }: FixtureBuild): Promise<string> {
    await this.rig.write({
      'Release.yaml': `name: slipway\npretty-name: Slipway OS\nversion: ${version}\n${migrations === undefined ? '' : `migrations: ${JSON.stringify(migrations)}\n`}`,
      [`variants/${variant}/variant.yaml`]: `arches: [x86_64, aarch64]\npackages: [release]\n`,
    });
    const name = { osName: 'slipway', variant, arch, version, buildId };
    const parent = join(this.dir, 'build', 'images', variantDirectory(name));
    const dir = join(parent, versionDirectory(name));
    await mkdir(dir, { recursive: true });
    const sums: string[] = [];
    for (const suffix of SUFFIXES) {
      const file = fileName(name, suffix);
      const content = Buffer.from(`${file} `.repeat(Math.ceil(imageBytes / (file.length + 1)))).subarray(0, imageBytes);
      await writeFile(join(dir, file), content);
      if (suffix.endsWith('.lz4')) await this.#compress(join(dir, file));
      sums.push(
        `${createHash('sha256')
          .update(await readFile(join(dir, file)))
          .digest('hex')}  ${file}\n`,
      );
    }
    await writeFile(join(dir, 'SHA256SUMS'), sums.join(''));
    await rm(join(parent, 'latest'), { force: true });
    await symlink(versionDirectory(name), join(parent, 'latest'));
    return dir;
  }

  async #compress(file: string): Promise<void> {
    const { status } = await runCommand([...this.peers.program('usr/bin/lz4'), '-z', '-q', '-f', file, `${file}.lz4`], {
      env: {},
      onLine: () => undefined,
    });
    if (status !== 0) throw new Error(`Expected lz4 to end well, got status ${status}`);
    await writeFile(file, await readFile(`${file}.lz4`));
    await rm(`${file}.lz4`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}
