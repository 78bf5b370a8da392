import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import type { Files } from './fixtures.ts';
import { Rig } from './rig.ts';
import { SandboxRig } from './sandbox-rig.ts';
import { tinyImage } from './tiny-image.ts';

export const VARIANT = 'vmware-tiny';
const IMAGE = 'format: vmdk, layout: { plan: split, os: 1GiB, data: 1GiB, publish: 5GiB }';
export const STEM = `slipway-${VARIANT}-x86_64-v1.2.3`;
/** What `look()` is to bring, for a script that reads the OVA. */
export const OVA = { ova: `slipway-${VARIANT}-x86_64.ova` };

/** A checkout whose one variant has an OVA, built, and the tools that images are made by to look at it. */
export class OvaRig implements AsyncDisposable {
  readonly checkout: Files;
  readonly rig: Rig;
  readonly tools: SandboxRig;

  private constructor(checkout: Files, rig: Rig, tools: SandboxRig) {
    this.checkout = checkout;
    this.rig = rig;
    this.tools = tools;
  }

  static async create(): Promise<OvaRig> {
    const checkout = tinyImage(VARIANT, IMAGE);
    const made = new OvaRig(checkout, await Rig.create(checkout), await SandboxRig.create('image'));
    await made.rig.succeed('build', '--variant', VARIANT);
    return made;
  }

  /** A file of the newest build. */
  latest(file: string): string {
    return join(this.rig.dir, 'build', 'images', `x86_64-${VARIANT}`, 'latest', file);
  }

  async sums(): Promise<string> {
    return await readFile(this.latest('SHA256SUMS'), 'utf8');
  }

  /** What a script prints that finds files of the newest build in /slipway/in, by these names. */
  async look(files: Readonly<Record<string, string>>, script: string, where = this.tools): Promise<string[]> {
    const inputs = await Promise.all(
      Object.entries(files).map(async ([name, file]) => {
        const output = await where.store.putFile(await realpath(this.latest(file)));
        return [`/slipway/in/${name}`, output] as const;
      }),
    );
    const { result, task } = await where.run({ argv: ['bash', '-euc', script], inputs: Object.fromEntries(inputs) });
    if (result.outcomes.get(task.id)?.type !== 'built') throw new Error(where.lines.join('\n'));
    return [...where.lines];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of [this.rig, this.tools]) await each[Symbol.asyncDispose]();
  }
}
