import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { z } from 'zod';

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
import { serve } from '../../tools/tuf/serve.ts';
import type { Serving } from '../../tools/tuf/serve.ts';
import type { Misbehaviour } from '../../tools/tuf/serve-file.ts';
import { runHere } from './here.ts';
import { Peers } from './peers.ts';
import type { PeerServer } from './peers.ts';
import { Rig } from './rig.ts';
import type { Finished } from './rig.ts';

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

export interface PythonClient {
  /** The root it trusts, on disk. */
  readonly root: string;
  readonly names?: readonly string[];
  readonly client?: string;
}

const answerSchema = z.union([
  z.object({ versions: z.record(z.string(), z.number()), targets: z.record(z.string(), z.string()) }),
  z.object({ error: z.string(), message: z.string() }),
]);

export type PythonAnswer = z.output<typeof answerSchema>;

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
  /** What programs of the user's own would find in the environment. */
  environment: Readonly<Record<string, string>> = {};
  #python: PeerServer | undefined;
  readonly #since = Date.now();
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

  /** Runs the command line within this process, which is quicker than a new one; else as `Rig.make` does. */
  async make(...argv: readonly string[]): Promise<Omit<Finished, 'signal'>> {
    return await runHere(this.dir, argv, this.environment);
  }

  /** What a verb prints that has to end well. */
  async ok(...argv: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.make(...argv);
    if (status !== 0)
      throw new Error(`Expected "${argv.join(' ')}" to end well, got status ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** The `data` of a verb that has to end well. */
  async result(...argv: readonly string[]): Promise<Record<string, unknown>> {
    const events = (await this.ok('--json', ...argv)).split('\n').filter((line) => line.includes('"type":"result"'));
    return z.object({ data: z.record(z.string(), z.unknown()) }).parse(JSON.parse(events.at(-1) ?? '{}')).data;
  }

  /** Status and codes of a verb that has to end in complaints: `1 tuf/exists`. */
  async refusal(...argv: readonly string[]): Promise<string> {
    const { status, stderr } = await this.make(...argv);
    return [status, ...[...stderr.matchAll(/\[([a-z0-9]+\/[a-z0-9-]+)\]/g)].map(([, code]) => code)].join(' ');
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
    // As a build does it: other files, and not the same ones with other bytes.
    await rm(dir, { recursive: true, force: true });
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

  /** Serves a directory as hosts would read it, until its scope ends. */
  serve(dir: string, ...misbehave: readonly Misbehaviour[]): Promise<Serving> {
    return serve({ dir, port: 0, misbehave, onRequest: () => {} });
  }

  /** What python-tuf says of a repository that is served: versions and digests of targets, or an error. `client`: names its memory. */
  async pythonTuf(url: string, { root, names = [], client = 'first' }: PythonClient): Promise<PythonAnswer> {
    const work = join(this.dir, 'python', client);
    await mkdir(work, { recursive: true });
    this.#python ??= await this.peers.startPythonTuf(this.dir);
    const question = { metadata: `${url}metal-dev/x86_64/`, targets: `${url}targets/`, root, work, names };
    const response = await fetch(this.#python.url, { method: 'POST', body: JSON.stringify(question) });
    return answerSchema.parse(await response.json());
  }

  /** Puts other bytes in the place of a built file, as a build of them would. */
  async rewrite(file: string, bytes: Uint8Array): Promise<void> {
    await rm(file);
    await writeFile(file, bytes);
    const sums = join(file, '..', 'SHA256SUMS');
    const lines = (await readFile(sums, 'utf8'))
      .split('\n')
      .filter((line) => line !== '' && !line.endsWith(`  ${basename(file)}`));
    await writeFile(
      sums,
      [...lines, `${createHash('sha256').update(bytes).digest('hex')}  ${basename(file)}`, ''].join('\n'),
    );
  }

  /** What downloads remember of a repository whose newest root is in this file: a directory for each address. */
  memories(root: string): readonly string[] {
    const dir = join(this.rig.store, 'tuf');
    const bytes = readFileSync(root);
    const holds = (path: string): boolean => existsSync(path) && readFileSync(path).equals(bytes);
    return readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((path) => holds(join(path, 'root.json')));
  }

  /** Files below a directory that hold one of some texts, among those that changed since this rig was made. */
  filesWith(texts: readonly string[], dir: string): readonly string[] {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= this.#since)
      .filter((file) => texts.some((text) => readFileSync(file).includes(text)));
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
    await this.#python?.[Symbol.asyncDispose]();
    await this.rig[Symbol.asyncDispose]();
  }
}
