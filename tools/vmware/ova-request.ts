/**
 * OVAs that are signed in another building, as a folder:
 *
 *     <name>.mf        the manifest, to look at
 *     <name>.mf.tbs    the bytes to sign, which are the same: RSA, PKCS #1 1.5 with SHA-256
 *     <name>.mf.sig    the signature, once it is there: bare bytes, as `openssl dgst -sha256 -sign` writes them
 */
import { verify } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { readCertificate } from './open-ova-signer.ts';
import { certificateText, type Manifest, type OvaSigner } from './sign-ova.ts';

export function writeOvaRequest(folder: string, manifests: readonly Manifest[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, content } of manifests)
    for (const file of [name, `${name}.tbs`]) write(join(folder, file), content);
}

function write(path: string, content: Uint8Array): void {
  writeFileSync(`${path}.part`, content);
  renameSync(`${path}.part`, path);
}

/** What signs with the signatures that came back. @throws BuildError vmware/bad-certificate; vmware/no-signature, vmware/bad-signature when it signs */
export function openReturnedSigner(folder: string, certificateFile: string, now: Date): OvaSigner {
  const { chain, certificate } = readCertificate(certificateFile, now);
  return {
    certify: (manifest) => {
      const file = join(folder, `${manifest.name}.sig`);
      if (!existsSync(file)) {
        throw new BuildError('vmware/no-signature', `Cannot find the signature of ${manifest.name}: expected ${file}`, {
          hint: `Where the key is: openssl dgst -sha256 -sign <key> -out ${manifest.name}.sig ${manifest.name}.tbs`,
        });
      }
      const signature = readFileSync(file);
      if (verify('sha256', manifest.content, certificate.publicKey, signature))
        return certificateText(manifest, signature, chain);
      throw new BuildError(
        'vmware/bad-signature',
        `Cannot use the signature of ${manifest.name}: it is not one by the key of "${certificateFile}"`,
        {
          hint: 'Sign the .tbs file as it is, RSA with PKCS #1 1.5 and SHA-256; and see that build and certificate are those it was made for',
        },
      );
    },
  };
}
