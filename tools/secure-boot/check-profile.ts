/** Whether the parts of a profile fit together, and may be used today. */
import { createPrivateKey, createPublicKey, type X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { attempt } from './attempt.ts';
import { AUTHORITIES, day, EFI_VARS, KEY_NAMES, publicKeyOf, SIGNER_NAMES, SIGNERS } from './profile.ts';
import type { KeyName, Profile, Signer } from './profile.ts';

export function checkProfile(profile: Profile, now: Date): BuildError[] {
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
  return [
    new BuildError('secure-boot/other-variables', message, {
      hint: 'Bring back the file that was made of these certificates, and that of the other kind beside it',
    }),
  ];
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
