/** Keys and certificates of a profile, one by one. */
import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ServiceKey } from '../keys/service-key.ts';
import { ownerToBeSigned, transferableKey } from './openpgp.ts';
import { runOpenssl } from './openssl.ts';
import { SIGNERS, type Authority, type KeyName, type Signer } from './profile.ts';

/** Where they are made, and of what. */
export interface Workshop {
  /** Begins every certificate's name. */
  readonly organisation: string;
  /** A file whose first line locks the authorities' keys. */
  readonly passphraseFile: string | undefined;
  /** The tool root with OpenSSL. */
  readonly tools: string;
  /** Keys that sign and that others keep; made here, as files, unless told. */
  readonly kept?: KeptKeys | undefined;
  /** The folder of the profile. */
  readonly part: string;
  /** The folder of the authorities' private keys. */
  readonly authoritiesPart: string;
}

export interface KeptKeys {
  readonly keys: Readonly<Record<KeyName, ServiceKey>>;
  /** The text of keys.yaml. */
  readonly sources: string;
}

/** What every firmware verifies; larger keys are refused by some. */
const RSA_BITS = 2048;
const DAYS = 3650;

const EXTENSIONS = {
  authority: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n',
  // Code signing, and what kernel modules ask for (1.3.6.1.4.1.311.10.3.6: system component verification).
  signer:
    'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning,1.3.6.1.4.1.311.10.3.6\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n',
} as const;

export async function makeAuthority(workshop: Workshop, name: Authority): Promise<X509Certificate> {
  const { organisation, passphraseFile, tools, part, authoritiesPart } = workshop;
  const key = join(authoritiesPart, `${name}.key`);
  writeKey(key, newKey().privateKey, passphraseFile);
  const extensions = join(authoritiesPart, 'extensions');
  writeFileSync(extensions, EXTENSIONS.authority);
  const certificate = join(part, `${name}.crt`);
  await runOpenssl(
    tools,
    authoritiesPart,
    [
      ['x509', '-new', '-sha256', '-days', String(DAYS), '-subj', subject(organisation, name), '-extfile', extensions],
      ['-key', key, ...passIn(passphraseFile), '-out', certificate],
    ].flat(),
  );
  rmSync(extensions);
  return new X509Certificate(readFileSync(certificate));
}

/** A key's public half, and what signs with the other. */
function takeKey({ kept, part }: Workshop, name: KeyName): Pick<ServiceKey, 'publicKey' | 'sign'> {
  if (kept !== undefined) return kept.keys[name];
  const { privateKey, publicKey } = newKey();
  writeKey(join(part, `${name}.key`), privateKey);
  return { publicKey, sign: (bytes) => Promise.resolve(sign('sha256', bytes, privateKey)) };
}

export async function makeConfigKey(workshop: Workshop): Promise<void> {
  const { organisation, part } = workshop;
  const config = takeKey(workshop, 'config-sign');
  writeFileSync(join(part, 'config-sign.pub'), config.publicKey.export({ type: 'spki', format: 'pem' }));
  const owner = `${organisation} config-sign`;
  const signature = await config.sign(ownerToBeSigned(config.publicKey, owner));
  writeFileSync(join(part, 'config-sign.pgp'), transferableKey(owner, { key: config.publicKey, signature }));
}

export async function makeSigner(workshop: Workshop, name: Signer): Promise<void> {
  const { organisation, passphraseFile, tools, part, authoritiesPart } = workshop;
  const authority = SIGNERS[name];
  const { publicKey } = takeKey(workshop, name);
  const [bare, extensions] = [join(part, 'public'), join(part, 'extensions')];
  writeFileSync(bare, publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(extensions, EXTENSIONS.signer);
  await runOpenssl(
    tools,
    part,
    [
      ['x509', '-new', '-sha256', '-days', String(DAYS), '-subj', subject(organisation, name)],
      ['-extfile', extensions, '-force_pubkey', bare, '-CA', join(part, `${authority}.crt`)],
      ['-CAkey', join(authoritiesPart, `${authority}.key`), ...passIn(passphraseFile)],
      ['-out', join(part, `${name}.crt`)],
    ].flat(),
  );
  rmSync(bare);
  rmSync(extensions);
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('rsa', { modulusLength: RSA_BITS });
}

/** PKCS #8 in PEM, for its owner's eyes alone; locked by the first line of a file, if there is one. */
function writeKey(path: string, key: KeyObject, passphraseFile?: string): void {
  const [passphrase] = passphraseFile === undefined ? [] : readFileSync(passphraseFile, 'utf8').split('\n');
  const lock = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  writeFileSync(path, key.export({ type: 'pkcs8', format: 'pem', ...lock }), { mode: 0o600 });
}

function subject(organisation: string, name: string): string {
  return `/CN=${organisation.replaceAll(/[/\\+=]/g, '-')} ${name}`;
}

function passIn(file: string | undefined): readonly string[] {
  return file === undefined ? [] : ['-passin', `file:${file}`];
}
