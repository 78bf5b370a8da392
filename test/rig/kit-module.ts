import { chmod, copyFile, realpath, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

import type { Arch } from '../../tools/config/arch.ts';
import type { ActionInput } from '../../tools/sandbox/action.ts';
import type { Drive } from '../../tools/vm/disk.ts';
import type { SandboxRig } from './sandbox-rig.ts';

const SECTOR_BYTES = 4096;

export interface KitModule {
  /** A kit, as a build leaves it. */
  readonly kit: string;
  /** Of the kernel. */
  readonly arch: Arch;
  /** Makes `file` in the folder it starts in. `$kit` is where the kit is unpacked. */
  readonly script: string;
  readonly file: string;
  readonly inputs?: Readonly<Record<string, ActionInput>>;
}

/** Builds a module on a machine that has tar and the like, and no compiler but the kit's. Gives the host path of it. */
export async function buildWithKit(
  machine: SandboxRig,
  { kit, arch, script, file, inputs = {} }: KitModule,
): Promise<string> {
  const { result, task } = await machine.run({
    argv: [
      'bash',
      '-euc',
      `if command -v gcc || command -v make; then exit 1; fi
mkdir kit; tar -xf /slipway/in/kit -C kit --strip-components 1; kit=$PWD/kit
mkdir module; cd module
${script}
"$kit/toolchain/usr/bin/${arch}-linux-gnu-strip" --strip-debug ${file}
cp ${file} /slipway/out/module.ko`,
    ],
    inputs: { '/slipway/in/kit': await machine.store.putFile(await realpath(kit)), ...inputs },
    outputs: { type: 'named', names: { 'module.ko': 'file' } },
  });
  if (result.outcomes.get(task.id)?.type !== 'built') throw new Error(machine.lines.slice(-40).join('\n'));
  return machine.store.pathOf(result.output(task, 'module.ko'));
}

/** A module on a disk of its own, which is a whole number of sectors. */
export interface Carried {
  readonly drive: Drive;
  /** The file's own. */
  readonly bytes: number;
}

export async function carry(file: string, dir: string, name: string): Promise<Carried> {
  const path = join(dir, name);
  await copyFile(file, path);
  await chmod(path, 0o600);
  const { size } = await stat(path);
  await truncate(path, Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES);
  return { drive: { path, form: 'raw' }, bytes: size };
}
