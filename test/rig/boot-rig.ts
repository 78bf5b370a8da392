import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

import { findVariant, readProject } from '../../tools/config/project.ts';
import { runGraph } from '../../tools/graph/scheduler.ts';
import { Store } from '../../tools/graph/store.ts';
import { planLayout, type Partition } from '../../tools/image/layout.ts';
import { runCommand } from '../../tools/process/command.ts';
import { BubblewrapSandbox } from '../../tools/sandbox/bubblewrap.ts';
import { toolRoot } from '../../tools/sdk/tool-root.ts';
import { findMirrors } from '../../tools/sources/mirrors.ts';
import { overlayDisk, unpackDisk, type Drive } from '../../tools/vm/disk.ts';
import { bootVm, type Machine } from '../../tools/vm/machine.ts';
import type { Firmware } from '../../tools/vm/qemu.ts';
import { VmTools } from '../../tools/vm/tools.ts';
import { CHECKOUT, SHARED_STORE } from './rig.ts';

const VARIANT = 'metal-dev';
const MIB = 1024 * 1024;

/** The image of metal-dev, built if the store lacks it, and machines that boot it. The image itself is never written. */
export class BootRig implements AsyncDisposable {
  readonly #tools: VmTools;
  readonly #dir: string;
  readonly #image: string;
  readonly #partitions: readonly Partition[];
  #disks = 0;

  private constructor(parts: { tools: VmTools; dir: string; image: string; partitions: readonly Partition[] }) {
    this.#tools = parts.tools;
    this.#dir = parts.dir;
    this.#image = parts.image;
    this.#partitions = parts.partitions;
  }

  static async create(): Promise<BootRig> {
    const image = await buildImage();
    const project = readProject(CHECKOUT);
    const variant = findVariant(project, VARIANT);
    const { disks } = planLayout({ image: variant.image, osName: project.release.name });
    return new BootRig({
      tools: await vmTools(),
      dir: await mkdtemp(join(tmpdir(), 'slipway-boot-')),
      image,
      partitions: disks[0].partitions,
    });
  }

  partition(key: string): Partition {
    const found = this.#partitions.find((partition) => partition.key === key);
    if (found === undefined) throw new TypeError(`Expected a partition ${key}`);
    return found;
  }

  /** A raw disk of its own. */
  async copy(): Promise<Drive> {
    const dir = await mkdtemp(join(this.#dir, 'disk-'));
    return await unpackDisk(this.#tools, { path: this.#image, form: 'raw.lz4' }, dir);
  }

  /** Boots a disk, or the image as it was built, on a volume of 8 GiB. */
  async boot(firmware: Firmware, disk?: Drive): Promise<Machine> {
    this.#disks += 1;
    const path = join(this.#dir, `overlay-${this.#disks}.qcow2`);
    const overlay = await overlayDisk(this.#tools, disk ?? (await this.copy()), { path, sizeGiB: 8 });
    const hardware = { firmware, drives: [overlay], memoryMiB: 1024, cores: 2, network: 'isolated' } as const;
    return await bootVm(this.#tools, { arch: 'x86_64', ...hardware });
  }

  /** A partition's GUID on a raw disk. */
  async guid({ path }: Drive, key: string): Promise<string> {
    const text = await this.#tools.run('sbin/sgdisk', [`--info=${this.partition(key).number}`, path]);
    return /unique GUID: (\S+)/.exec(text)?.[1]?.toLowerCase() ?? text;
  }

  /** What an update does: the same image in the other bank, of higher priority, with one try. */
  async fillBankB({ path }: Drive): Promise<void> {
    for (const part of ['BOOT', 'ROOT', 'HASH']) {
      const [from, to] = [this.partition(`${part}-A`), this.partition(`${part}-B`)];
      const places = [`skip=${from.startMiB}`, `seek=${to.startMiB}`, `count=${from.sizeMiB}`];
      await this.#tools.run('bin/dd', [
        `if=${path}`,
        `of=${path}`,
        'bs=1M',
        'conv=notrunc,sparse',
        'status=none',
        ...places,
      ]);
    }
    const { number } = this.partition('BOOT-B');
    await this.#tools.run('sbin/sgdisk', [`--attributes=${number}:set:49`, `--attributes=${number}:set:52`, path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Turns one bit of a partition over. */
export async function flipBit({ path }: Drive, partition: Partition, offset: number): Promise<void> {
  await using file = await open(path, 'r+');
  const position = partition.startMiB * MIB + offset;
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  await file.write(Buffer.of(byte.readUInt8() ^ 1), 0, 1, position);
}

async function buildImage(): Promise<string> {
  const lines: string[] = [];
  const argv = [process.execPath, '--import', 'tsx', join(CHECKOUT, 'Makefile.ts'), 'build', '--variant', VARIANT];
  const env = { PATH: process.env['PATH'] ?? '', HOME: homedir(), SLIPWAY_CACHE: SHARED_STORE, NO_COLOR: '1' };
  const { status } = await runCommand(argv, { cwd: CHECKOUT, env, onLine: (line) => lines.push(line) });
  if (status !== 0) throw new Error(`Cannot build ${VARIANT}:\n${lines.slice(-40).join('\n')}`);
  const dir = join(CHECKOUT, 'build', 'images', `x86_64-${VARIANT}`, 'latest');
  const image = (await readdir(dir)).find((name) => name.endsWith(`-${VARIANT}-x86_64.img.lz4`));
  if (image === undefined) throw new Error(`Expected an image in ${dir}`);
  return join(dir, image);
}

async function vmTools(): Promise<VmTools> {
  await using store = await Store.open(SHARED_STORE);
  const root = toolRoot('vm', {
    store,
    sandbox: new BubblewrapSandbox(store),
    network: 'online',
    mirrors: () => findMirrors(),
  });
  const limits = { cores: 2, memoryMiB: 2048, signal: new AbortController().signal };
  const [tree] = root.layers(await runGraph(root.tasks, { store, sink: () => undefined, ...limits }));
  if (tree === undefined) throw new TypeError('Expected a tool root of one layer');
  return new VmTools(store.pathOf(tree));
}
