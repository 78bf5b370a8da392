import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseDocument, YAMLSeq } from 'yaml';

import type { Arch } from '../../tools/config/arch.ts';
import { findVariant, readProject } from '../../tools/config/project.ts';
import { findDisks, openDrives } from '../../tools/recipe/boot-image.ts';
import { bootVm, type Machine } from '../../tools/vm/machine.ts';
import type { Hardware } from '../../tools/vm/qemu.ts';
import { CHECKOUT } from './rig.ts';
import { buildVariant, vmTools } from './vm-root.ts';

/** Without KVM, on a busy machine. */
export const PATIENCE_MS = 900_000;

/** How long systemd waits for a disk is said in real time, and an emulated one may be found late. */
const PATIENT = ['no_timer_check', 'systemd.default_device_timeout_sec=600'];
/** QEMU's serial port: that of an EC2 instance, which AWS's variants name, is another one on Arm. */
const CONSOLE = { x86_64: 'console=ttyS0,115200n8', aarch64: 'console=ttyAMA0,115200n8' } as const satisfies Record<
  Arch,
  string
>;

export interface Node {
  readonly variant: string;
  readonly arch?: Arch;
  /** What the image carries beside what the variant says, such as images of containers. */
  readonly packages?: readonly string[];
  readonly hardware?: Partial<Pick<Hardware, 'network' | 'forward'>>;
}

/** A machine that runs a variant's own packages, with a shell on its console whether or not the variant has one. */
export class NodeRig implements AsyncDisposable {
  readonly machine: Machine;
  readonly #dir: string;

  private constructor(machine: Machine, dir: string) {
    this.machine = machine;
    this.#dir = dir;
  }

  /** Boots it until all that it starts has been started. */
  static async boot({ variant, arch = 'x86_64', packages = [], hardware = {} }: Node): Promise<NodeRig> {
    const dir = await mkdtemp(join(tmpdir(), 'slipway-node-'));
    await makeTwin({ variant, dir, packages: ['login', ...packages], parameters: [CONSOLE[arch], ...PATIENT] });
    await buildVariant({ checkout: dir, variant, arch });
    const project = readProject(dir);
    const files = findDisks({ project }, findVariant(project, variant), arch);
    const tools = await vmTools();
    const drives = await openDrives(tools, files, { dir, sizeGiB: 8 });
    const machine = await bootVm(tools, {
      arch,
      drives,
      firmware: 'uefi',
      memoryMiB: 2048,
      cores: 2,
      network: 'isolated',
      ...hardware,
    });
    const rig = new NodeRig(machine, dir);
    await machine.waitForShell(PATIENCE_MS);
    // The kernel's own words would be among those of commands.
    await rig.ask('dmesg -n 1; until systemctl is-active --quiet multi-user.target; do sleep 1; done');
    return rig;
  }

  /** Output of a command that must succeed. */
  async ask(command: string): Promise<string> {
    const { status, output } = await this.machine.run(command, PATIENCE_MS);
    if (status !== 0) throw new Error(`${command}: status ${status}\n${output}`);
    return output.trim();
  }

  /** Asks until a command succeeds, at most so many times, a second apart. */
  async askUntil(command: string, times = 120): Promise<string> {
    return await this.ask(
      `for i in $(seq ${times}); do { ${command}; } >/dev/null 2>&1 && break; sleep 1; done; ${command}`,
    );
  }

  /** Writes a file, in pieces that a console takes. */
  async put(path: string, text: string): Promise<void> {
    const pieces =
      Buffer.from(text)
        .toString('base64')
        .match(/.{1,500}/g) ?? [];
    await this.ask(`: > ${path}.part`);
    for (const piece of pieces) await this.ask(`printf %s ${piece} >> ${path}.part`);
    await this.ask(`base64 -d < ${path}.part > ${path} && rm ${path}.part`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

interface Twin {
  readonly variant: string;
  readonly dir: string;
  readonly packages: readonly string[];
  readonly parameters: readonly string[];
}

/**
 * A checkout of the same packages, whose one variant has some more of them, and is told some more. It has the same name, so that what
 * both have in common is not made again.
 */
async function makeTwin({ variant, dir, packages, parameters }: Twin): Promise<void> {
  const text = parseDocument(await readFile(join(CHECKOUT, 'variants', variant, 'variant.yaml'), 'utf8'));
  add(text.get('packages'), packages);
  add(text.get('kernel-parameters'), parameters);
  await mkdir(join(dir, 'variants', variant), { recursive: true });
  await writeFile(join(dir, 'variants', variant, 'variant.yaml'), String(text));
  await cp(join(CHECKOUT, 'Release.yaml'), join(dir, 'Release.yaml'));
  await symlink(join(CHECKOUT, 'packages'), join(dir, 'packages'));
}

function add(list: unknown, items: readonly string[]): void {
  if (!(list instanceof YAMLSeq)) throw new TypeError('Expected a list');
  const present: unknown = list.toJSON();
  for (const item of items) if (!(Array.isArray(present) && present.includes(item))) list.add(item);
}
