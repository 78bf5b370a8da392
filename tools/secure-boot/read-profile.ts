import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { signingKeysSchema } from '../config/sbkeys.ts';
import { readManifest } from '../config/yaml.ts';
import { BuildError, throwAll } from '../errors.ts';
import { attempt } from './attempt.ts';
import { checkProfile } from './check-profile.ts';
import { AUTHORITIES, KEY_FILES, KEY_NAMES, profileDir, PUBLIC_FILES, SIGNER_NAMES, SOURCES_FILE } from './profile.ts';
import type { Profile } from './profile.ts';

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
  throwAll(checkProfile(profile, now));
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
