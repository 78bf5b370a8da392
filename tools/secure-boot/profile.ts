/** A folder of keys, sbkeys/<profile>/: who may sign what, and what firmware is to know of it. */
import { createPrivateKey, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Manifest } from '../config/manifest.ts';
import { signingKeysSchema, type SigningKeys } from '../config/sbkeys.ts';
import { readManifest } from '../config/yaml.ts';
import { BuildError, throwAll } from '../errors.ts';

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
const KEY_FILES = KEY_NAMES.map((name) => `${name}.key`);
/** In place of keys: where they are. */
export const SOURCES_FILE = 'keys.yaml';

/**
 * Reads a profile and checks all of it against the rest of it.
 * @throws BuildErrors secure-boot/no-profile, or all that is wrong with what is there
 */
export function readProfile(projectDir: string, name: string, now: Date): Profile {
  const dir = profileDir(projectDir, name);
  if (!existsSync(dir)) {
    throw new BuildError('secure-boot/no-profile', `Cannot find the Secure Boot keys "${name}": expected ${dir}`, {
      hint: `Make them: npx tsx Makefile.ts sbkeys generate --profile ${name}`,
    });
  }
  assertComplete(dir);
  const errors: BuildError[] = [];
  const certificates = AUTHORITIES.map((authority) => readCertificate(dir, authority, errors));
  const signers = SIGNER_NAMES.map((signer) => readCertificate(dir, signer, errors));
  const configKey = readPublicKey(dir, errors);
  const file = join(dir, SOURCES_FILE);
  const sources = existsSync(file) ? readManifest(file, signingKeysSchema, errors) : undefined;
  throwAll(errors);
  const [PK, KEK, db, vendor] = certificates;
  const [shim, code] = signers;
  if (!PK || !KEK || !db || !vendor || !shim || !code || !configKey) throw new TypeError('nothing was complained of');
  const profile: Profile = {
    name,
    dir,
    certificates: { PK, KEK, db, vendor },
    signers: { 'shim-sign': shim, 'code-sign': code },
    configKey,
    keys: keysOf(dir),
    sources,
  };
  throwAll(check(profile, now));
  return profile;
}

/** The same, of a profile that need not be there. @throws BuildErrors all that is wrong with what is there */
export function profileIfThere(projectDir: string, name: string, now: Date): Profile | undefined {
  return existsSync(profileDir(projectDir, name)) ? readProfile(projectDir, name, now) : undefined;
}

function keysOf(dir: string): Profile['keys'] {
  if (existsSync(join(dir, SOURCES_FILE))) return 'kept';
  return existsSync(join(dir, `${KEY_NAMES[0]}.key`)) ? 'here' : 'elsewhere';
}

export function profileDir(projectDir: string, name: string): string {
  return join(projectDir, 'sbkeys', name);
}

/** All of the public files, and all of the keys, none, or where they are. */
function assertComplete(dir: string): void {
  const lacks = (files: readonly string[]) => files.filter((file) => !existsSync(join(dir, file)));
  const keys = lacks(KEY_FILES);
  if (keysOf(dir) === 'kept') {
    const two = KEY_FILES.filter((file) => !keys.includes(file));
    if (two.length > 0)
      throw new BuildError(
        'secure-boot/two-homes',
        `Cannot use the Secure Boot keys in "${dir}": ${SOURCES_FILE} says where the keys are, and ${two.join(', ')} is there, too`,
        { hint: 'Remove the one that is not to be used' },
      );
    keys.push(...KEY_FILES.filter((file) => !keys.includes(file)));
  }
  const missing = [...lacks(PUBLIC_FILES), ...(keys.length === KEY_FILES.length ? [] : keys)];
  if (missing.length === 0) return;
  throw new BuildError(
    'secure-boot/half-a-profile',
    `Cannot use the Secure Boot keys in "${dir}": ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
    { hint: 'Bring the files back, or move the folder away and run "sbkeys generate"' },
  );
}

function readCertificate(dir: string, name: string, errors: BuildError[]): X509Certificate | undefined {
  const file = join(dir, `${name}.crt`);
  return attempt(file, 'a certificate (X.509 in PEM)', errors, () => new X509Certificate(readFileSync(file)));
}

function readPublicKey(dir: string, errors: BuildError[]): KeyObject | undefined {
  const file = join(dir, 'config-sign.pub');
  return attempt(file, 'a public key (PEM)', errors, () => createPublicKey(readFileSync(file)));
}

// oxlint-disable-next-line max-params -- what is read, as what, where complaints go, and how
function attempt<T>(file: string, what: string, errors: BuildError[], read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    errors.push(new BuildError('secure-boot/unreadable', `Cannot read "${file}" as ${what}`, { cause }));
    return undefined;
  }
}

function check(profile: Profile, now: Date): BuildError[] {
  const named = [
    ...AUTHORITIES.map((name) => [name, profile.certificates[name]] as const),
    ...SIGNER_NAMES.map((name) => [name, profile.signers[name]] as const),
  ];
  return [
    ...named.flatMap(([name, certificate]) => checkCertificate(join(profile.dir, `${name}.crt`), certificate, now)),
    ...SIGNER_NAMES.flatMap((signer) => checkIssuer(profile, signer)),
    ...checkFirmware(profile),
    ...(profile.keys === 'here' ? KEY_NAMES.flatMap((name) => checkKey(profile, name)) : []),
  ];
}

function checkCertificate(file: string, certificate: X509Certificate, now: Date): BuildError[] {
  const { validFromDate: from, validToDate: to, publicKey } = certificate;
  const errors: BuildError[] = [];
  if (now < from || now > to) {
    const span = `${day(from)} to ${day(to)}`;
    errors.push(
      new BuildError(
        'secure-boot/expired',
        `Cannot use "${file}": it is valid from ${span}, and today is ${day(now)}`,
        {
          hint: 'Firmware may not look at the date, but whoever checks the signature does: make a new certificate',
        },
      ),
    );
  }
  if (publicKey.asymmetricKeyType !== 'rsa')
    errors.push(
      new BuildError(
        'secure-boot/not-rsa',
        `Cannot use "${file}": expected an RSA key, got ${publicKey.asymmetricKeyType ?? 'none'}`,
      ),
    );
  return errors;
}

export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function checkIssuer({ dir, certificates, signers }: Profile, signer: Signer): BuildError[] {
  const authority = SIGNERS[signer];
  if (signers[signer].verify(certificates[authority].publicKey)) return [];
  const message = `Cannot use "${join(dir, `${signer}.crt`)}": it is not signed by ${authority}.crt, which is to vouch for it`;
  return [new BuildError('secure-boot/wrong-issuer', message)];
}

/** The variables hold the very certificates beside them, or a machine would refuse what is signed here. */
function checkFirmware({ dir, certificates }: Profile): BuildError[] {
  const file = join(dir, EFI_VARS.qemu);
  const text = readFileSync(file, 'utf8').toLowerCase();
  const missing = (['PK', 'KEK', 'db'] as const).filter(
    (name) => !text.includes(certificates[name].raw.toString('hex')),
  );
  if (missing.length === 0) return [];
  const message = `Cannot use "${file}": it does not hold ${missing.map((name) => `${name}.crt`).join(', ')}`;
  return [new BuildError('secure-boot/other-variables', message, { hint: 'Run "sbkeys export" to make it anew' })];
}

function checkKey(profile: Profile, name: KeyName): BuildError[] {
  const file = join(profile.dir, `${name}.key`);
  const errors: BuildError[] = [];
  if ((statSync(file).mode & 0o077) !== 0) {
    const message = `Cannot use "${file}": others than its owner may read it`;
    errors.push(new BuildError('secure-boot/open-key', message, { hint: `chmod 600 ${file}` }));
  }
  const own = attempt(file, 'a private key (PEM)', errors, () => createPublicKey(createPrivateKey(readFileSync(file))));
  if (own !== undefined && !own.equals(publicKeyOf(profile, name))) {
    const other = name === 'config-sign' ? 'config-sign.pub' : `${name}.crt`;
    errors.push(new BuildError('secure-boot/key-mismatch', `Cannot use "${file}": it is not the key of ${other}`));
  }
  return errors;
}

export function publicKeyOf({ signers, configKey }: Profile, name: KeyName): KeyObject {
  return name === 'config-sign' ? configKey : signers[name].publicKey;
}
