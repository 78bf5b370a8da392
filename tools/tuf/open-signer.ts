import type { KeyObject } from 'node:crypto';
import { resolve } from 'node:path';

import { keysOfRole } from '../config/infra-repo.ts';
import type { KeySource, RepoConfig } from '../config/infra-repo.ts';
import { openServiceKey } from '../keys/service-key.ts';
import type { KeyContext, Scheme } from '../keys/service-key.ts';
import type { Signers } from './editor.ts';
import { holdsPrivateKey, openFileKey, readPublicKey } from './file-key.ts';
import { tufKeyOf } from './key.ts';
import type { TufKey } from './key.ts';
import { identified } from './signer.ts';
import type { IdentifiedSigner, Signer } from './signer.ts';

/**
 * A key that can sign. Each kind is loaded only where it is used.
 * @throws BuildError tuf/no-such-key, tuf/not-a-key, tuf/locked-key, tuf/unsupported-key, keys/...
 */
export async function openSigner(source: KeySource, context: KeyContext): Promise<IdentifiedSigner> {
  return identified(await open(source, context));
}

async function open(source: KeySource, context: KeyContext): Promise<Signer> {
  if ('file' in source) return await openFileKey(fileOf(source.file, context), context.askSecret);
  if ('ssm' in source) return await (await import('./ssm-key.ts')).openSsmKey(source.ssm);
  const kept = await openServiceKey(source, schemeOf, context);
  return { key: tufKeyOf(kept.publicKey, kept.name), name: kept.name, sign: (bytes) => kept.sign(bytes) };
}

/** As `Signer` has it. @throws BuildError tuf/unsupported-key */
function schemeOf(publicKey: KeyObject, name: string): Scheme {
  const { keytype } = tufKeyOf(publicKey, name);
  if (keytype === 'rsa') return 'rsa-pss';
  return keytype === 'ecdsa' ? 'ecdsa' : 'ed25519';
}

/** The public half alone: of a file, that is all it has to hold. */
export async function publicKeyOf(source: KeySource, context: KeyContext): Promise<TufKey> {
  if ('file' in source) return await readPublicKey(fileOf(source.file, context), context.askSecret);
  return (await open(source, context)).key;
}

type FileSource = Extract<KeySource, { file: unknown }>['file'];

function fileOf(
  { path, 'passphrase-file': passphraseFile }: FileSource,
  { dir }: KeyContext,
): { path: string; passphraseFile: string | undefined } {
  return {
    path: resolve(dir, path),
    passphraseFile: passphraseFile === undefined ? undefined : resolve(dir, passphraseFile),
  };
}

/** `skip`: a file that is not there, or holds a public half alone, means that the key is elsewhere, which is then no error. */
export type IfElsewhere = 'fail' | 'skip';

/**
 * Opens the keys of a role when they are asked for. One that serves several roles is opened once, so that nobody is asked twice.
 * @throws BuildError as `openSigner`
 */
export function openSigners(
  keys: NonNullable<RepoConfig['signing-keys']>,
  context: KeyContext,
  ifElsewhere: IfElsewhere,
): Signers {
  const opened = new Map<string, Promise<IdentifiedSigner | undefined>>();
  const openOnce = async (source: KeySource): Promise<IdentifiedSigner | undefined> => {
    const id = JSON.stringify(source);
    const signer = opened.get(id) ?? openUnlessElsewhere(source, context, ifElsewhere);
    opened.set(id, signer);
    return await signer;
  };
  return async (role) => {
    const signers: IdentifiedSigner[] = [];
    // One after the other: each may ask for a passphrase.
    for (const source of keysOfRole(keys, role)) {
      const signer = await openOnce(source);
      if (signer !== undefined) signers.push(signer);
    }
    return signers;
  };
}

async function openUnlessElsewhere(
  source: KeySource,
  context: KeyContext,
  ifElsewhere: IfElsewhere,
): Promise<IdentifiedSigner | undefined> {
  const elsewhere =
    ifElsewhere === 'skip' && 'file' in source && !(await holdsPrivateKey(fileOf(source.file, context).path));
  return elsewhere ? undefined : await openSigner(source, context);
}
