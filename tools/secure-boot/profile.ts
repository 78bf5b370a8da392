/** A folder of keys, sbkeys/<profile>/: who may sign what, and what firmware is to know of it. */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';

import type { Manifest } from '../config/manifest.ts';
import type { SigningKeys } from '../config/sbkeys.ts';

/** The authorities: firmware's three, and the one that shim knows. */
export const AUTHORITIES = ['PK', 'KEK', 'db', 'vendor'] as const;
export type Authority = (typeof AUTHORITIES)[number];

/** What signs, and the authority above it. `config-sign` is a bare key: GRUB knows it by itself. */
export const SIGNERS = { 'shim-sign': 'db', 'code-sign': 'vendor' } as const satisfies Record<string, Authority>;
export type Signer = keyof typeof SIGNERS;
export const SIGNER_NAMES = ['shim-sign', 'code-sign'] as const satisfies readonly Signer[];
export type KeyName = Signer | 'config-sign';
export const KEY_NAMES = [...SIGNER_NAMES, 'config-sign'] as const satisfies readonly KeyName[];

export const EFI_VARS = { qemu: 'efi-vars.json', aws: 'efi-vars.aws' } as const;

export interface Profile {
  readonly name: string;
  readonly dir: string;
  readonly certificates: Readonly<Record<Authority, X509Certificate>>;
  readonly signers: Readonly<Record<Signer, X509Certificate>> & { readonly 'config-sign'?: undefined };
  /** Public half of config-sign. */
  readonly configKey: KeyObject;
  /** Whether the private keys are in the folder, kept by a service or a token, or in another building. */
  readonly keys: 'here' | 'kept' | 'elsewhere';
  /** Where those are that are kept. */
  readonly sources: Manifest<SigningKeys> | undefined;
}

/** What of a profile anybody may have. */
export const PUBLIC_FILES = [
  ...[...AUTHORITIES, ...SIGNER_NAMES].map((name) => `${name}.crt`),
  // The same key twice: as all else reads it, and as OpenPGP programs do.
  'config-sign.pub',
  'config-sign.pgp',
  ...Object.values(EFI_VARS),
];
export const KEY_FILES = KEY_NAMES.map((name) => `${name}.key`);
/** In place of keys: where they are. */
export const SOURCES_FILE = 'keys.yaml';

export function profileDir(projectDir: string, name: string): string {
  return join(projectDir, 'sbkeys', name);
}

export function publicKeyOf({ signers, configKey }: Profile, name: KeyName): KeyObject {
  return name === 'config-sign' ? configKey : signers[name].publicKey;
}

export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
