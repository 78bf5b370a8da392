import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Arch } from '../../tools/config/arch.ts';
import { findVariant, readProject } from '../../tools/config/project.ts';
import { planLayout, type Partition } from '../../tools/image/layout.ts';
import { overlayDisk, unpackDisk, type Drive } from '../../tools/vm/disk.ts';
import { bootVm, type Machine } from '../../tools/vm/machine.ts';
import type { Firmware, Hardware } from '../../tools/vm/qemu.ts';
import type { VmTools } from '../../tools/vm/tools.ts';
import { CHECKOUT } from './rig.ts';
import { buildVariant, runVerb, vmTools, type BuiltVariant } from './vm-root.ts';

export const MIB = 1024 * 1024;

/** What becomes of a file. */
export interface FileChange {
  readonly path: string;
  readonly change: (content: Buffer) => Buffer;
}

export interface BootRigOptions {
  /** Where the variant is; this one unless told. */
  readonly checkout?: string;
  readonly variant?: string;
  readonly arch?: Arch;
  /** A verb, with its flags, that changes the image once it is built. */
  readonly change?: readonly string[];
}

export interface BootOptions extends Pick<Hardware, 'variables' | 'tpm'> {
  readonly more?: readonly Drive[];
  /** Programs that run it. */
  readonly tools?: VmTools;
}

/** An image, built if the store lacks it, and machines that boot it. The image itself is never written. */
export class BootRig implements AsyncDisposable {
  readonly #tools: VmTools;
  readonly #arch: Arch;
  readonly #dir: string;
  readonly #image: string;
  readonly #partitions: readonly Partition[];
  #disks = 0;

  private constructor(parts: {
    tools: VmTools;
    arch: Arch;
    dir: string;
    image: string;
    partitions: readonly Partition[];
  }) {
    this.#tools = parts.tools;
    this.#arch = parts.arch;
    this.#dir = parts.dir;
    this.#image = parts.image;
    this.#partitions = parts.partitions;
  }

  static async create(options: BootRigOptions = {}): Promise<BootRig> {
    const { checkout = CHECKOUT, variant: name = 'metal-dev', arch = 'x86_64', change } = options;
    const image = await buildImage({ checkout, variant: name, arch }, change);
    const project = readProject(checkout);
    const variant = findVariant(project, name);
    const { disks } = planLayout({ image: variant.image, osName: project.release.name });
    return new BootRig({
      tools: await vmTools(),
      arch,
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

  /** Programs that look into disks, and change them. */
  get tools(): VmTools {
    return this.#tools;
  }

  /** A folder that goes with the rig. */
  async makeDir(): Promise<string> {
    return await mkdtemp(join(this.#dir, 'work-'));
  }

  /**
   * Boots a disk, or the image as it was built, on a volume of 8 GiB. Under Secure Boot its flash memory starts as `variables`; `more`
   * disks come behind; a TPM is there if it is asked for.
   */
  async boot(
    firmware: Firmware,
    disk?: Drive,
    { variables, more = [], tpm, tools = this.#tools }: BootOptions = {},
  ): Promise<Machine> {
    this.#disks += 1;
    const path = join(this.#dir, `overlay-${this.#disks}.qcow2`);
    const overlay = await overlayDisk(this.#tools, disk ?? (await this.copy()), { path, sizeGiB: 8 });
    const hardware = { firmware, drives: [overlay, ...more], memoryMiB: 1024, cores: 2, network: 'isolated' } as const;
    const keys = variables === undefined ? {} : { variables };
    return await bootVm(tools, { arch: this.#arch, ...hardware, ...keys, tpm });
  }

  /** Changes one file of an ext4 partition on a raw disk. */
  async changeFile({ path: disk }: Drive, key: string, { path, change }: FileChange): Promise<void> {
    const dir = await this.makeDir();
    const [image, file] = [join(dir, 'partition'), join(dir, 'file')];
    const { startMiB, sizeMiB } = this.partition(key);
    await this.#tools.run('bin/dd', [`if=${disk}`, `of=${image}`, 'bs=1M', `skip=${startMiB}`, `count=${sizeMiB}`]);
    await this.#tools.run('sbin/debugfs', ['-R', `dump ${path} ${file}`, image]);
    await writeFile(file, change(await readFile(file)));
    await this.#tools.run('sbin/debugfs', ['-w', '-R', `rm ${path}`, image]);
    await this.#tools.run('sbin/debugfs', ['-w', '-R', `write ${file} ${path}`, image]);
    await this.#tools.run('bin/dd', [`if=${image}`, `of=${disk}`, 'bs=1M', `seek=${startMiB}`, 'conv=notrunc']);
  }

  /** Changes one file of the EFI system partition on a raw disk. */
  async changeEspFile({ path: disk }: Drive, { path, change }: FileChange): Promise<void> {
    const file = join(await this.makeDir(), 'file');
    const image = `${disk}@@${this.partition('EFI-SYSTEM').startMiB}M`;
    await this.#tools.run('bin/mcopy', ['-i', image, `::${path}`, file]);
    await writeFile(file, change(await readFile(file)));
    await this.#tools.run('bin/mcopy', ['-o', '-i', image, file, `::${path}`]);
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

  /** What an update does to one partition: `file`, compressed with LZ4, in place of what was there. */
  async fillPartition({ path }: Drive, key: string, file: string): Promise<void> {
    const content = join(await this.makeDir(), 'content');
    await this.#tools.run('bin/lz4', ['-d', '-q', '-f', file, content]);
    const place = [`of=${path}`, 'bs=1M', 'conv=notrunc', 'status=none', `seek=${this.partition(key).startMiB}`];
    await this.#tools.run('bin/dd', [`if=${content}`, ...place]);
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

async function buildImage(built: BuiltVariant, change?: readonly string[]): Promise<string> {
  await buildVariant(built);
  const { checkout, variant, arch } = built;
  if (change !== undefined) await runVerb(checkout, change);
  const dir = join(checkout, 'build', 'images', `${arch}-${variant}`, 'latest');
  const image = (await readdir(dir)).find((name) => name.endsWith(`-${variant}-${arch}.img.lz4`));
  if (image === undefined) throw new Error(`Expected an image in ${dir}`);
  return join(dir, image);
}
