/** The key that signs an OVA, as a file of this machine. */
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { BuildError } from '../errors.ts';
import { certificateText, type OvaSigner } from './sign-ova.ts';

export interface OvaKeyFiles {
  /** PEM of a private key, encrypted or not. */
  readonly key: string;
  /** PEM of its certificate, and behind that those of who vouches for it. */
  readonly certificate: string;
}

/** @throws BuildError vmware/bad-certificate, vmware/bad-key, vmware/locked-key */
export async function openOvaSigner(
  files: OvaKeyFiles,
  { now, askSecret }: { now: Date; askSecret: (question: string) => Promise<string | undefined> },
): Promise<OvaSigner> {
  const { chain, certificate } = readCertificate(files.certificate, now);
  const key = await openKey(files.key, askSecret);
  if (key.asymmetricKeyType !== 'rsa' || !certificate.checkPrivateKey(key)) {
    const finding = key.asymmetricKeyType === 'rsa' ? 'another' : `one of type ${key.asymmetricKeyType}`;
    const message = `Cannot sign with "${files.key}": expected the RSA key of "${files.certificate}", got ${finding}`;
    throw new BuildError('vmware/bad-key', message);
  }
  return {
    certify: (manifest) => certificateText(manifest, sign('sha256', manifest.content, key), chain),
  };
}

/** A certificate that is good today, as a value and with those behind it. @throws BuildError vmware/bad-certificate */
export function readCertificate(
  file: string,
  now: Date,
): { readonly chain: string; readonly certificate: X509Certificate } {
  const chain = readText(file, 'vmware/bad-certificate');
  const certificate = parseCertificate(chain, file);
  if (now > certificate.validToDate || now < certificate.validFromDate) {
    const { validFrom, validTo } = certificate;
    const message = `Cannot sign with "${file}": it is good from ${validFrom} to ${validTo}`;
    throw new BuildError('vmware/bad-certificate', message, { hint: 'Have it renewed' });
  }
  return { chain, certificate };
}

function readText(path: string, code: 'vmware/bad-certificate' | 'vmware/bad-key'): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BuildError(code, `Cannot read "${path}"`, { cause });
  }
}

function parseCertificate(text: string, path: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (cause) {
    const message = `Cannot read "${path}": expected a certificate in PEM`;
    throw new BuildError('vmware/bad-certificate', message, { cause });
  }
}

/** OpenSSL's words on a key are left out: none of them helps, and a key stays where it is. */
async function openKey(path: string, askSecret: (question: string) => Promise<string | undefined>): Promise<KeyObject> {
  const text = readText(path, 'vmware/bad-key');
  const passphrase = text.includes('ENCRYPTED') ? await askSecret(`Passphrase of ${path}: `) : undefined;
  if (text.includes('ENCRYPTED') && passphrase === undefined)
    throw new BuildError(
      'vmware/locked-key',
      `Cannot open "${path}": there is no terminal to ask for its passphrase at`,
    );
  try {
    return createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    if (passphrase !== undefined)
      throw new BuildError('vmware/locked-key', `Cannot open "${path}": the passphrase does not fit`);
    throw new BuildError('vmware/bad-key', `Cannot read "${path}": expected a private key in PEM`);
  }
}
