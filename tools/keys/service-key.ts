import type { KeyObject } from 'node:crypto';

import type { KeySource } from '../config/infra-repo.ts';
import { unreachable } from '../errors.ts';

/** How a key signs. All of them hash with SHA-256 but Ed25519, which takes the bytes themselves. */
export type Scheme = 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa' | 'ed25519';

/** What a key is to do, by its public half. @throws BuildError when there is nothing that it could do */
export type SchemeOf = (key: KeyObject, name: string) => Scheme;

/** A key that a service or a token keeps: bytes go there, or their digest, and a signature comes back. */
export interface ServiceKey {
  readonly publicKey: KeyObject;
  /** What a person knows it by; nothing secret. */
  readonly name: string;
  /** RSA: PKCS #1 1.5, or PSS with a salt of 32 bytes; ECDSA: DER. @throws BuildError keys/service */
  sign(bytes: Uint8Array): Promise<Buffer>;
}

/** What keys need of their surroundings. */
export interface KeyContext {
  /** Paths of keys are relative to this. */
  readonly dir: string;
  readonly askSecret: AskSecret;
  /** The start of a command line that runs pkcs11-tool. Asked for only where a key is in a token. */
  readonly pkcs11Tool: () => Promise<readonly string[]>;
  /** For the token's own module, which may read its configuration there. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Gives a passphrase or a PIN, or undefined when nobody can be asked. */
export type AskSecret = (question: string) => Promise<string | undefined>;

export type ServiceSource = Extract<KeySource, { kms: unknown } | { pkcs11: unknown }>;

/**
 * Each kind is loaded only where it is used.
 * @throws BuildError keys/service, keys/unsupported, keys/locked, keys/other-region
 */
export async function openServiceKey(
  source: ServiceSource,
  schemeOf: SchemeOf,
  context: KeyContext,
): Promise<ServiceKey> {
  if ('kms' in source) return await (await import('./kms-key.ts')).openKmsKey(source.kms, schemeOf);
  if ('pkcs11' in source)
    return await (await import('./pkcs11-key.ts')).openPkcs11Key(source.pkcs11, schemeOf, context);
  return unreachable(source);
}
