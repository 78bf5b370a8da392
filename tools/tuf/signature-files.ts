/** Signatures in the folder of a request: `<role>.sig`, `<role>.<name>.sig`. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import { writeWhole } from './directory.ts';
import type { OnlineRole } from './editor.ts';
import { short } from './role.ts';

interface Place {
  readonly dir: string;
  readonly role: OnlineRole;
}

export function isSignatureFile(name: string, role: string): boolean {
  return name.startsWith(`${role}.`) && name.endsWith('.sig');
}

export interface SignatureFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

const SIGNATURE_MAX_BYTES = 64 << 10;

/** The signatures that came back: `<role>.sig` and `<role>.<name>.sig`. @throws BuildError tuf/bad-signature for what is far too long to be one */
export async function readSignatureFiles({ dir, role }: Place): Promise<readonly SignatureFile[]> {
  const names = (await readdir(dir)).filter((name) => isSignatureFile(name, role));
  return await Promise.all(
    names.toSorted().map(async (name) => {
      const file = join(dir, name);
      if ((await stat(file)).size > SIGNATURE_MAX_BYTES)
        throw new BuildError('tuf/bad-signature', `Cannot take signature "${file}": it is longer than any`);
      return { file, bytes: await readFile(file) };
    }),
  );
}

export async function writeSignature({ dir, role }: Place, keyid: string, sig: string): Promise<string> {
  const file = join(dir, `${role}.${short(keyid)}.sig`);
  await writeWhole(file, Buffer.from(sig, 'hex'));
  return file;
}
