import type { KeyObject } from 'node:crypto';
import { resolve } from 'node:path';

import { keyList } from '../config/infra-repo.ts';
import type { KeySource, RepoConfig } from '../config/infra-repo.ts';
import { openServiceKey } from '../keys/service-key.ts';
import type { KeyContext, Scheme } from '../keys/service-key.ts';
import { openFileKey, readPublicKey } from './file-key.ts';
import type { Kept, Signers } from './editor.ts';
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

/** The keys of each online role that is not kept. One that serves several is opened once, so that nobody is asked twice. */
export async function openSigners(
  keys: NonNullable<RepoConfig['signing-keys']>,
  context: KeyContext,
  kept: Kept = 'none',
): Promise<Signers> {
  const opened = new Map<string, Promise<IdentifiedSigner>>();
  const openOnce = async (source: KeySource): Promise<IdentifiedSigner> => {
    const id = JSON.stringify(source);
    const signer = opened.get(id) ?? openSigner(source, context);
    opened.set(id, signer);
    return await signer;
  };
  const openAll = async (sources: readonly KeySource[]): Promise<IdentifiedSigner[]> => {
    const signers: IdentifiedSigner[] = [];
    for (const source of sources) signers.push(await openOnce(source));
    return signers;
  };
  const { targets, snapshot, timestamp } =
    'targets' in keys ? keys : { targets: keys, snapshot: keys, timestamp: keys };
  return {
    targets: kept === 'none' ? await openAll(keyList(targets)) : [],
    snapshot: kept === 'snapshot' ? [] : await openAll(keyList(snapshot)),
    timestamp: await openAll(keyList(timestamp)),
  };
}
