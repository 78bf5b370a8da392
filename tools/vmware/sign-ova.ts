/**
 * A signed OVA: beside the manifest, which vouches for all files, a `.cert` that vouches for the manifest (DSP0243 1.1, section 5.1):
 *
 *     SHA256(<name>.mf)= <RSA signature with PKCS #1 1.5 over the manifest, in hex>
 *     -----BEGIN CERTIFICATE----- ...
 *
 * The key signs outside of the graph; a task sees the finished text.
 */
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { BuildError } from '../errors.ts';
import type { Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { OVA } from './ova.ts';

export interface OvaKeyFiles {
  /** PEM of a private key, encrypted or not. */
  readonly key: string;
  /** PEM of its certificate, and behind that those of who vouches for it. */
  readonly certificate: string;
}

export interface OvaSigner {
  /** A manifest's `.cert`. */
  readonly certify: (manifest: { readonly name: string; readonly content: Uint8Array }) => string;
}

/** @throws BuildError vmware/bad-certificate, vmware/bad-key, vmware/locked-key */
export async function openOvaSigner(
  files: OvaKeyFiles,
  { now, askSecret }: { now: Date; askSecret: (question: string) => Promise<string | undefined> },
): Promise<OvaSigner> {
  const chain = readText(files.certificate, 'vmware/bad-certificate');
  const certificate = parseCertificate(chain, files.certificate);
  const key = await openKey(files.key, askSecret);
  if (key.asymmetricKeyType !== 'rsa' || !certificate.checkPrivateKey(key)) {
    const finding = key.asymmetricKeyType === 'rsa' ? 'another' : `one of type ${key.asymmetricKeyType}`;
    const message = `Cannot sign with "${files.key}": expected the RSA key of "${files.certificate}", got ${finding}`;
    throw new BuildError('vmware/bad-key', message);
  }
  if (now > certificate.validToDate || now < certificate.validFromDate) {
    const { validFrom, validTo } = certificate;
    const message = `Cannot sign with "${files.certificate}": it is good from ${validFrom} to ${validTo}`;
    throw new BuildError('vmware/bad-certificate', message, { hint: 'Have it renewed' });
  }
  return {
    certify: ({ name, content }) => {
      const signature = sign('sha256', content, key).toString('hex');
      return `SHA256(${name})= ${signature}\n${chain.trim()}\n`;
    },
  };
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

export interface SignedOvaOptions {
  readonly sandbox: Sandbox;
  /** The tool root `image`. */
  readonly tools: ToolRoot;
  /** What ovaTask made, and the text of its `.cert`. */
  readonly ova: Task;
  readonly certificate: string;
}

const STEP = readFileSync(new URL('sign-ova.sh', import.meta.url), 'utf8');

export function signedOvaTask({ sandbox, tools, ova, certificate }: SignedOvaOptions): Task {
  return actionTask({
    sandbox,
    id: `signed-${ova.id}`,
    title: 'Add the signature to the OVA',
    needs: [...tools.tasks, ova],
    cost: { cores: 1, memoryMiB: 256 },
    action: (inputs) => ({
      argv: ['bash', '-euo', 'pipefail', '/slipway/step/sign-ova.sh'],
      env: {},
      layers: tools.layers(inputs),
      inputs: {
        '/slipway/step/sign-ova.sh': { type: 'text', text: STEP },
        '/slipway/in/ova': inputs.output(ova, OVA),
        '/slipway/in/cert': { type: 'text', text: certificate },
      },
      outputs: { type: 'named', names: { [OVA]: 'file' } },
    }),
  });
}
