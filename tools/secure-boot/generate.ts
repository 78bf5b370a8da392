import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import type { FirmwareCertificates } from './efi-vars.ts';
import { makeAuthority, makeConfigKey, makeSigner, type Workshop } from './make-keys.ts';
import { AUTHORITIES, EFI_VARS, profileDir, SIGNER_NAMES, SOURCES_FILE, type Authority } from './profile.ts';

export interface GenerateOptions extends Omit<Workshop, 'part' | 'authoritiesPart'> {
  readonly projectDir: string;
  readonly profile: string;
  /** The texts of `efi-vars.json` and `efi-vars.aws`. */
  readonly variables: (certificates: FirmwareCertificates) => Promise<Readonly<Record<string, Buffer>>>;
}

export interface Generated {
  readonly dir: string;
  /** The authorities' private keys: no build ever reads them. */
  readonly authoritiesDir: string;
}

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
  const workshop = { ...options, part, authoritiesPart };
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
