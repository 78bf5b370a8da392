/** Verbs that sign a root: with the keys at hand, or by signatures that were made elsewhere. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { keyList } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { signatureForms } from '../tuf/detached.ts';
import { writeWhole } from '../tuf/directory.ts';
import { canonicalBytes, verifySignature } from '../tuf/key.ts';
import { parseKeyAddress } from '../tuf/key-address.ts';
import { openSigner } from '../tuf/open-signer.ts';
import { short, signersOf } from '../tuf/role.ts';
import { addSignatures, authoritiesOf, readDraft } from '../tuf/root-draft.ts';
import { signPayload } from '../tuf/signer.ts';
import type { IdentifiedSigner } from '../tuf/signer.ts';
import { desk, finish } from './root-tell.ts';
import type { RootFlags } from './root-tell.ts';
import type { Session } from './session.ts';

export type SignFlags = RootFlags & { readonly key?: readonly string[] };
export type ExportFlags = RootFlags & { readonly out: string };
export type ImportFlags = RootFlags & { readonly keyId: string; readonly signature: string };

export async function sign(session: Session, flags: SignFlags): Promise<void> {
  const { rootsDir, keys, config } = desk(session, flags);
  const draft = await readDraft(rootsDir);
  const sources = flags.key === undefined ? keyList(config?.['root-keys']) : flags.key.map(parseKeyAddress);
  if (sources.length === 0)
    throw new BuildError('tuf/no-key', 'Cannot sign a root: no key is named', {
      hint: 'Name some by --key, or as "root-keys" in Infra.yaml',
    });
  const signers: IdentifiedSigner[] = [];
  for (const source of sources) signers.push(await openSigner(source, keys));
  const able = authoritiesOf(draft).flatMap((authority) => signersOf(authority, signers));
  const strange = signers.filter((signer) => !able.includes(signer));
  const [first] = strange;
  if (first !== undefined)
    throw new BuildError(
      'tuf/no-such-key',
      `Cannot sign root version ${draft.envelope.signed.version} with "${first.name}": neither it nor the root before it names key ${short(first.id)}`,
      {
        hint: 'Add the key first: npx tsx Makefile.ts root add-key --role root',
      },
    );
  const signatures = await Promise.all([...new Set(able)].map((signer) => signPayload(draft.envelope.payload, signer)));
  await finish(session, await addSignatures(draft, signatures));
}

export async function exportBytes(session: Session, flags: ExportFlags): Promise<void> {
  const { rootsDir } = desk(session, flags);
  const { envelope } = await readDraft(rootsDir);
  const payload = canonicalBytes(envelope.signed);
  await writeWhole(resolve(flags.out), payload);
  const sha256 = createHash('sha256').update(payload).digest('hex');
  session.result(
    `${flags.out}: root version ${envelope.signed.version}, ${payload.byteLength} bytes, SHA-256 ${sha256}\nSign these bytes, then: ${session.command} root import-signature --key-id <id> --signature <file>`,
    {
      version: envelope.signed.version,
      bytes: payload.byteLength,
      sha256,
    },
  );
}

export async function importSignature(session: Session, flags: ImportFlags): Promise<void> {
  const { rootsDir } = desk(session, flags);
  const draft = await readDraft(rootsDir);
  const ids = [...new Set(authoritiesOf(draft).flatMap(({ keyids }) => keyids))].filter((id) =>
    id.startsWith(flags.keyId),
  );
  const [keyid] = ids;
  if (keyid === undefined || ids.length > 1)
    throw new BuildError(
      'tuf/no-such-key',
      `Cannot find one key "${flags.keyId}" among those that sign root version ${draft.envelope.signed.version}`,
    );
  const key = authoritiesOf(draft).find(({ keyids }) => keyids.includes(keyid))?.keys[keyid];
  const { payload } = draft.envelope;
  const sig = await readSignature(flags.signature, (form) => key !== undefined && verifySignature(key, payload, form));
  await finish(session, await addSignatures(draft, [{ keyid, sig }]));
}

/** Raw, in hex or in base64: the form in which it holds, or the bytes themselves. @throws BuildError tuf/bad-signature */
async function readSignature(file: string, holds: (sig: string) => boolean): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) =>
    Promise.reject(new BuildError('tuf/bad-signature', `Cannot read signature "${file}"`, { cause })),
  );
  const forms = signatureForms(bytes);
  return forms.find(holds) ?? forms[0] ?? '';
}
