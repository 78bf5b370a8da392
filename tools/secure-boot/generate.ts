import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import type { ServiceKey } from '../keys/service-key.ts';
import type { FirmwareCertificates } from './efi-vars.ts';
import { ownerToBeSigned, transferableKey } from './openpgp.ts';
import { runOpenssl } from './openssl.ts';
import { AUTHORITIES, EFI_VARS, profileDir, SIGNER_NAMES, SIGNERS, SOURCES_FILE } from './profile.ts';
import type { Authority, KeyName, Signer } from './profile.ts';

export interface GenerateOptions {
  readonly projectDir: string;
  readonly profile: string;
  /** Begins every certificate's name. */
  readonly organisation: string;
  /** A file whose first line locks the authorities' keys. */
  readonly passphraseFile: string | undefined;
  /** The tool root with OpenSSL. */
  readonly tools: string;
  /** Keys that sign and that others keep; made here, as files, unless told. */
  readonly kept?: KeptKeys | undefined;
  /** The texts of `efi-vars.json` and `efi-vars.aws`. */
  readonly variables: (certificates: FirmwareCertificates) => Promise<Readonly<Record<string, Buffer>>>;
}

export interface KeptKeys {
  readonly keys: Readonly<Record<KeyName, ServiceKey>>;
  /** The text of keys.yaml. */
  readonly sources: string;
}

export interface Generated {
  readonly dir: string;
  /** The authorities' private keys: no build ever reads them. */
  readonly authoritiesDir: string;
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

/**
 * Makes a profile, all of it or nothing.
 * @throws BuildError secure-boot/exists
 */
export async function generateProfile(options: GenerateOptions): Promise<Generated> {
  const { projectDir, profile } = options;
  const dir = profileDir(projectDir, profile);
  const authoritiesDir = `${dir}.authorities`;
  for (const taken of [dir, authoritiesDir].filter((path) => existsSync(path))) {
    throw new BuildError(
      'secure-boot/exists',
      `Cannot make the Secure Boot keys "${profile}": ${taken} is there already`,
      {
        hint: 'Name another profile by --profile, or move the folder away: images signed with its keys need it',
      },
    );
  }
  const [part, authoritiesPart] = [`${dir}.part.tmp`, `${authoritiesDir}.part.tmp`];
  for (const path of [part, authoritiesPart]) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  await fill(options, part, authoritiesPart);
  // Without the authorities' keys a profile works; without the profile they are of no use.
  renameSync(authoritiesPart, authoritiesDir);
  renameSync(part, dir);
  return { dir, authoritiesDir };
}

async function fill(options: GenerateOptions, part: string, authoritiesPart: string): Promise<void> {
  const workshop = { options, part, authoritiesPart };
  const certificates: Partial<Record<Authority, X509Certificate>> = {};
  for (const authority of AUTHORITIES) certificates[authority] = await makeAuthority(workshop, authority);
  for (const signer of SIGNER_NAMES) await makeSigner(workshop, signer);
  await makeConfigKey(workshop);
  if (options.kept !== undefined) writeFileSync(join(part, SOURCES_FILE), options.kept.sources);
  const { PK, KEK, db } = certificates;
  if (PK === undefined || KEK === undefined || db === undefined) throw new TypeError('every authority was made');
  const variables = await options.variables({ PK, KEK, db });
  for (const file of Object.values(EFI_VARS)) writeFileSync(join(part, file), variables[file] ?? Buffer.alloc(0));
}

interface Workshop {
  readonly options: GenerateOptions;
  readonly part: string;
  readonly authoritiesPart: string;
}

async function makeAuthority({ options, part, authoritiesPart }: Workshop, name: Authority): Promise<X509Certificate> {
  const { organisation, passphraseFile } = options;
  const key = join(authoritiesPart, `${name}.key`);
  writeKey(key, newKey().privateKey, passphraseFile);
  const extensions = join(authoritiesPart, 'extensions');
  writeFileSync(extensions, EXTENSIONS.authority);
  const certificate = join(part, `${name}.crt`);
  await runOpenssl(
    options.tools,
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
function takeKey({ options, part }: Workshop, name: KeyName): Pick<ServiceKey, 'publicKey' | 'sign'> {
  if (options.kept !== undefined) return options.kept.keys[name];
  const { privateKey, publicKey } = newKey();
  writeKey(join(part, `${name}.key`), privateKey);
  return { publicKey, sign: (bytes) => Promise.resolve(sign('sha256', bytes, privateKey)) };
}

async function makeConfigKey(workshop: Workshop): Promise<void> {
  const { options, part } = workshop;
  const config = takeKey(workshop, 'config-sign');
  writeFileSync(join(part, 'config-sign.pub'), config.publicKey.export({ type: 'spki', format: 'pem' }));
  const owner = `${options.organisation} config-sign`;
  const signature = await config.sign(ownerToBeSigned(config.publicKey, owner));
  writeFileSync(join(part, 'config-sign.pgp'), transferableKey(owner, { key: config.publicKey, signature }));
}

async function makeSigner(workshop: Workshop, name: Signer): Promise<void> {
  const { options, part, authoritiesPart } = workshop;
  const authority = SIGNERS[name];
  const { publicKey } = takeKey(workshop, name);
  const [bare, extensions] = [join(part, 'public'), join(part, 'extensions')];
  writeFileSync(bare, publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(extensions, EXTENSIONS.signer);
  await runOpenssl(
    options.tools,
    part,
    [
      ['x509', '-new', '-sha256', '-days', String(DAYS), '-subj', subject(options.organisation, name)],
      ['-extfile', extensions, '-force_pubkey', bare, '-CA', join(part, `${authority}.crt`)],
      ['-CAkey', join(authoritiesPart, `${authority}.key`), ...passIn(options.passphraseFile)],
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
