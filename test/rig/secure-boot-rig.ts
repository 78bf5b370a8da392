import { copyFile, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { parseDocument } from 'yaml';

import { programSignature, programToBeSigned } from '../../tools/secure-boot/authenticode.ts';
import { withoutSignatures, withSignature } from '../../tools/secure-boot/pe.ts';
import { readProfile } from '../../tools/secure-boot/read-profile.ts';
import { signWithFiles } from '../../tools/secure-boot/signer.ts';
import type { Drive } from '../../tools/vm/disk.ts';
import type { Machine } from '../../tools/vm/machine.ts';
import { BootRig, type BootOptions } from './boot-rig.ts';
import { CHECKOUT, Rig } from './rig.ts';
import { makeFlash } from './vm-root.ts';

/** By the same name: what no key reaches, such as the kernel-module kit, is the same as without. */
const VARIANT = 'metal-dev';

export interface SecureBootOptions {
  /** Flags by which the image is changed once it is built, and signed by another profile, "stranger". */
  readonly repack?: readonly string[];
  /** What the kernel is told besides. */
  readonly parameters?: readonly string[];
}

/** metal-dev with a signed boot chain, in a checkout and with keys of its own, and machines whose firmware knows those keys. */
export class SecureBootRig implements AsyncDisposable {
  readonly checkout: Rig;
  readonly #boot: BootRig;
  readonly #variables: string;

  private constructor(parts: { checkout: Rig; boot: BootRig; variables: string }) {
    this.checkout = parts.checkout;
    this.#boot = parts.boot;
    this.#variables = parts.variables;
  }

  static async create({ repack, parameters = [] }: SecureBootOptions = {}): Promise<SecureBootRig> {
    const variant = parseDocument(await readFile(join(CHECKOUT, 'variants', VARIANT, 'variant.yaml'), 'utf8'));
    variant.setIn(['image', 'features', 'uefi-secure-boot'], true);
    for (const parameter of parameters) variant.addIn(['kernel-parameters'], parameter);
    const checkout = await Rig.create({ [`variants/${VARIANT}/variant.yaml`]: String(variant) });
    await symlink(join(CHECKOUT, 'packages'), join(checkout.dir, 'packages'));
    await copyFile(join(CHECKOUT, 'Release.yaml'), join(checkout.dir, 'Release.yaml'));
    await checkout.succeed('sbkeys', 'generate');
    await checkout.succeed('sbkeys', 'generate', '--profile', 'stranger');
    const change = repack && { change: ['repack', '--variant', VARIANT, '--sbkeys', 'stranger', ...repack] };
    const boot = await BootRig.create({ checkout: checkout.dir, variant: VARIANT, ...change });
    const profile = repack === undefined ? 'local' : 'stranger';
    const variables = await makeFlash(join(checkout.dir, 'sbkeys', profile, 'efi-vars.json'));
    return new SecureBootRig({ checkout, boot, variables });
  }

  async copy(): Promise<Drive> {
    return await this.#boot.copy();
  }

  /** With Secure Boot enforced. */
  async boot(disk?: Drive, options: BootOptions = {}): Promise<Machine> {
    return await this.#boot.boot('secure-boot', disk, { ...options, variables: this.#variables });
  }

  /** With firmware that asks nobody. */
  async bootFreely(disk?: Drive, options: BootOptions = {}): Promise<Machine> {
    return await this.#boot.boot('uefi', disk, options);
  }

  /** What an update leaves: bank B is to be booted, with what is in bank A, and `boot` (compressed) in place of its boot partition. */
  async update(disk: Drive, boot: string): Promise<void> {
    await this.#boot.fillBankB(disk);
    await this.#boot.fillPartition(disk, 'BOOT-B', boot);
  }

  /** Changes a file of the boot partition. */
  async changeBootFile(disk: Drive, path: string, change: (content: Buffer) => Buffer): Promise<void> {
    await this.#boot.changeFile(disk, 'BOOT-A', { path, change });
  }

  /** Changes a file of the ESP. */
  async changeEspFile(disk: Drive, path: string, change: (content: Buffer) => Buffer): Promise<void> {
    await this.#boot.changeEspFile(disk, { path, change });
  }

  unsigned(program: Buffer): Buffer {
    return withoutSignatures(program);
  }

  /** Signed as ours are, by keys that no firmware knows. */
  signedByStranger(program: Buffer): Buffer {
    const bare = withoutSignatures(program);
    const profile = readProfile(this.checkout.dir, 'stranger', new Date());
    const item = { name: 'program', key: 'code-sign', toBeSigned: programToBeSigned(bare) } as const;
    const signature = signWithFiles(profile, [item]).get(item.name) ?? Buffer.alloc(0);
    return withSignature(bare, programSignature(bare, { certificate: profile.signers['code-sign'], signature }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#boot[Symbol.asyncDispose]();
    await this.checkout[Symbol.asyncDispose]();
  }
}
