/** A key pair in files, for those who keep theirs in no token and no service. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { BuildError } from '../errors.ts';
import { keyIdOf } from '../tuf/key.ts';
import { makeKey as writeKey } from '../tuf/make-key.ts';
import type { KeyType } from '../tuf/make-key.ts';
import type { Session } from './session.ts';

export interface MakeKeyFlags {
  readonly out: string;
  readonly type: KeyType;
  readonly passphraseFile?: string;
}

export async function makeKey(session: Session, flags: MakeKeyFlags): Promise<void> {
  const passphrase = await passphraseOf(session, flags);
  await mkdir(dirname(resolve(flags.out)), { recursive: true });
  const { key, publicPem } = await writeKey(resolve(flags.out), { type: flags.type, passphrase });
  const publicFile = `${flags.out.replace(/\.pem$/, '')}.pub.pem`;
  await writeFile(publicFile, publicPem);
  const id = keyIdOf(key);
  session.result(
    [
      `Key ${id}`,
      `${flags.out}: the private half, ${passphrase === undefined ? 'NOT encrypted: whoever reads the file has the key' : 'encrypted'}`,
      `${publicFile}: the public half, for others`,
      `Let it sign: ${session.command} root add-key --role root --key file:${publicFile}`,
    ].join('\n'),
    { id, private: flags.out, public: publicFile, encrypted: passphrase !== undefined },
  );
}

/** From a file, or asked for twice; nothing said means none. */
async function passphraseOf(session: Session, { out, passphraseFile }: MakeKeyFlags): Promise<string | undefined> {
  if (passphraseFile !== undefined) {
    const text = await readFile(passphraseFile, 'utf8').catch((cause: unknown) =>
      Promise.reject(new BuildError('tuf/locked-key', `Cannot read passphrase "${passphraseFile}"`, { cause })),
    );
    return text.replace(/\r?\n$/, '');
  }
  const first = await session.askSecret(`Passphrase for ${out}, or nothing: `);
  if (first === undefined || first === '') return undefined;
  if ((await session.askSecret('Once more: ')) === first) return first;
  throw new BuildError('cli/other-passphrase', 'Cannot make a key: the two passphrases are not the same');
}
