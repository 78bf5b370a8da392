/**
 * The boot chain: firmware checks shim (by `db`), shim checks GRUB and the kernel (by the vendor certificate in it), GRUB checks
 * grub.cfg (by the key in it), and grub.cfg names the root hash. Everything here is public; signatures come from outside of the graph
 * and enter it as bytes.
 */
import type { Arch } from '../config/arch.ts';
import type { Store } from '../graph/store.ts';
import type { Inputs, Task } from '../graph/task.ts';
import { programSignature, programToBeSigned } from './authenticode.ts';
import { bytesTask, FILE, readFile, type FileRef } from './bytes-task.ts';
import { documentSignature, documentToBeSigned, publicKeyPacket } from './openpgp.ts';
import { withSignature } from './pe.ts';
import type { KeyName, Profile } from './profile.ts';
import { withPublicKey, withVendorCertificate } from './slots.ts';

/** Something that waits for a signature. */
export interface Unsigned extends FileRef {
  /** As people know it: `vmlinuz`. */
  readonly name: string;
  readonly key: KeyName;
}

export interface ChainOptions {
  readonly store: Store;
  readonly profile: Profile;
  readonly arch: Arch;
  readonly variant: string;
}

export interface ChainParts {
  /** With or without a signature, a certificate in it or none. */
  readonly shim: FileRef;
  readonly grub: FileRef;
  /** Has the outputs `vmlinuz` and `grub.cfg`. */
  readonly bootFiles: Task;
}

const EFI_ARCH = { x86_64: 'x64', aarch64: 'aa64' } as const satisfies Record<Arch, string>;

/** Where packages `shim` and `grub`, unpacked (output `tree`), have them. */
export function packagedLoaders(
  arch: Arch,
  { shim, grub }: { shim: Task; grub: Task },
): Pick<ChainParts, 'shim' | 'grub'> {
  const library = `${arch}-slipway-linux-gnu/sys-root/usr/lib`;
  return {
    shim: { task: shim, output: 'tree', path: `${library}/shim/shim${EFI_ARCH[arch]}.efi` },
    grub: { task: grub, output: 'tree', path: `${library}/grub/efi/secure/grub${EFI_ARCH[arch]}.efi` },
  };
}

/** What of an image is to be signed, the public keys in their places. */
export function unsignedChain(options: ChainOptions, { shim, grub, bootFiles }: ChainParts): readonly Unsigned[] {
  const { store, profile, arch, variant } = options;
  const [shimName, grubName] = [`shim${EFI_ARCH[arch]}.efi`, `grub${EFI_ARCH[arch]}.efi`];
  const vendor = profile.certificates.vendor.raw;
  const configKey = publicKeyPacket(profile.configKey);
  const filledShim = bytesTask({
    store,
    id: `shim/${variant}.${arch}`,
    title: 'Put the vendor certificate into shim',
    input: shim,
    operation: 'vendor-certificate/1',
    material: vendor,
    change: (file) => withVendorCertificate(file, vendor),
  });
  const filledGrub = bytesTask({
    store,
    id: `grub/${variant}.${arch}`,
    title: 'Put the public key into GRUB',
    input: grub,
    operation: 'public-key/1',
    material: configKey,
    change: (file) => withPublicKey(file, configKey),
  });
  return [
    { name: shimName, key: 'shim-sign', task: filledShim, output: FILE },
    { name: grubName, key: 'code-sign', task: filledGrub, output: FILE },
    { name: 'vmlinuz', key: 'code-sign', task: bootFiles, output: 'vmlinuz' },
    { name: 'grub.cfg', key: 'config-sign', task: bootFiles, output: 'grub.cfg' },
  ];
}

/** The bytes that a signature has to cover: RSA, PKCS #1 1.5 with SHA-256, whatever is signed. */
export function toBeSigned(store: Store, inputs: Inputs, unsigned: Unsigned): Buffer {
  const content = readFile(store, inputs, unsigned);
  return unsigned.key === 'config-sign' ? documentToBeSigned(content) : programToBeSigned(content);
}

/** Name of what was unsigned -> its signature. */
export type Signatures = ReadonlyMap<string, Uint8Array>;

/** The chain as a disk takes it: files of the ESP, and those of the boot partition. */
export interface SignedChain {
  readonly esp: ReadonlyMap<string, FileRef>;
  readonly boot: ReadonlyMap<string, FileRef>;
}

export function signedChain(options: ChainOptions, unsigned: readonly Unsigned[], signatures: Signatures): SignedChain {
  return chainOf(
    options.arch,
    unsigned.map((file) => signedTask(options, file, signatures.get(file.name))),
  );
}

/** `files` are in the order of unsignedChain. */
export function chainOf(arch: Arch, files: readonly SignedFile[]): SignedChain {
  const [shim, grub, kernel, config] = files;
  if (shim === undefined || grub === undefined || kernel === undefined || config === undefined)
    throw new TypeError('Expected a chain of four files');
  return {
    // Where firmware looks on a disk it has never seen, and where shim looks beside itself.
    esp: new Map([
      [`boot${EFI_ARCH[arch]}.efi`, signedOf(shim)],
      [grub.unsigned.name, signedOf(grub)],
    ]),
    boot: new Map([
      ['vmlinuz', signedOf(kernel)],
      ['grub/grub.cfg', config.unsigned],
      ['grub/grub.cfg.sig', signedOf(config)],
    ]),
  };
}

/** The task that adds a signature to a file, or makes the one beside it. */
export interface SignedFile {
  readonly unsigned: Unsigned;
  readonly task: Task;
}

function signedOf({ task }: SignedFile): FileRef {
  return { task, output: FILE };
}

/** Whose signature it is: what comes before it in the key of the task that adds it. */
export function signerOf({ profile }: ChainOptions, { key }: Unsigned): Buffer {
  return profile.signers[key]?.raw ?? publicKeyPacket(profile.configKey);
}

export function signedTask(options: ChainOptions, file: Unsigned, signature: Uint8Array | undefined): SignedFile {
  const { store, profile, arch, variant } = options;
  const { name, key } = file;
  if (signature === undefined) throw new TypeError(`Expected a signature of ${name}`);
  const certificate = profile.signers[key];
  const task = bytesTask({
    store,
    id: `signed-${name}/${variant}.${arch}`,
    title: `Add the signature of ${name}`,
    input: file,
    operation: certificate === undefined ? 'document-signature/1' : 'program-signature/1',
    material: Buffer.concat([signerOf(options, file), signature]),
    change: (content) =>
      certificate === undefined
        ? documentSignature(content, { key: profile.configKey, signature })
        : withSignature(content, programSignature(content, { certificate, signature })),
  });
  return { unsigned: file, task };
}
