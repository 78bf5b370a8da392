import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';

import { keyList } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { openRootDesk } from '../recipe/root-desk.ts';
import type { RootDesk } from '../recipe/root-desk.ts';
import { formatTable } from '../report/format.ts';
import { canonicalBytes } from '../tuf/key.ts';
import { parseKeyAddress } from '../tuf/key-address.ts';
import { TOP_ROLES } from '../tuf/metadata.ts';
import type { Root, TopRole } from '../tuf/metadata.ts';
import { openSigner, publicKeyOf } from '../tuf/open-signer.ts';
import { short, signersOf } from '../tuf/role.ts';
import {
  addSignatures,
  authoritiesOf,
  findDraft,
  finishDraft,
  lackingOf,
  readDraft,
  writeDraft,
} from '../tuf/root-draft.ts';
import type { Lacking, RootDraft } from '../tuf/root-draft.ts';
import {
  addKey as withKey,
  findKeyId,
  initRoot,
  nextVersionOf,
  removeKey as withoutKey,
  setExpiry,
  setThreshold,
} from '../tuf/root-edit.ts';
import { newest, readRootDirectory } from '../tuf/roots.ts';
import { signPayload } from '../tuf/signer.ts';
import type { IdentifiedSigner } from '../tuf/signer.ts';
import { startOf } from './repo-create.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface RootFlags {
  readonly repo?: string;
  readonly infra?: string;
}
export type InitFlags = RootFlags & { readonly expires: string };
export type RotateFlags = RootFlags & { readonly expires: string; readonly replace?: string; readonly with?: string };
export type AddKeyFlags = RootFlags & { readonly key: string; readonly role: readonly TopRole[] };
export type RemoveKeyFlags = RootFlags & { readonly keyId: string; readonly role?: readonly TopRole[] };
export type ThresholdFlags = RootFlags & { readonly role: TopRole; readonly threshold: number };
export type ExpireFlags = RootFlags & { readonly expires: string };
export type SignFlags = RootFlags & { readonly key?: readonly string[] };
export type ExportFlags = RootFlags & { readonly out: string };
export type ImportFlags = RootFlags & { readonly keyId: string; readonly signature: string };

function desk(session: Session, flags: RootFlags): RootDesk {
  return openRootDesk(flags, surroundingsOf(session));
}

export async function init(session: Session, flags: InitFlags): Promise<void> {
  const { rootsDir } = desk(session, flags);
  if ((await readRootDirectory(rootsDir)) !== undefined || (await findDraft(rootsDir)) !== undefined)
    throw new BuildError('tuf/root-there', `Cannot begin a root in "${rootsDir}": there is one`, {
      hint: 'To change it: npx tsx Makefile.ts root rotate',
    });
  const none = { root: [], targets: [], snapshot: [], timestamp: [] };
  const root = initRoot({ expires: startOf(flags.expires, new Date()), keys: none });
  tell(session, await writeDraft(rootsDir, root));
}

export async function rotate(session: Session, flags: RotateFlags): Promise<void> {
  const { rootsDir, keys } = desk(session, flags);
  const chain = await readRootDirectory(rootsDir);
  if (chain === undefined)
    throw new BuildError('tuf/no-root', `Cannot rotate: "${rootsDir}" has no root`, {
      hint: 'Begin one: npx tsx Makefile.ts root init',
    });
  if ((await findDraft(rootsDir)) !== undefined)
    throw new BuildError(
      'tuf/root-there',
      `Cannot rotate: root version ${newest(chain).signed.version + 1} is being made already`,
      { hint: 'Sign it (root sign), change it (root add-key ...), or remove draft.root.json' },
    );
  const next = nextVersionOf(newest(chain).signed, startOf(flags.expires, new Date()));
  if ((flags.replace === undefined) !== (flags.with === undefined))
    throw new BuildError('cli/half-replacement', 'Cannot replace a key: expected both --replace and --with');
  const { replace, with: added } = flags;
  if (replace === undefined || added === undefined) return tell(session, await writeDraft(rootsDir, next));
  const old = findKeyId(next, replace);
  const roles = TOP_ROLES.filter((role) => next.roles[role].keyids.includes(old));
  const key = await publicKeyOf(parseKeyAddress(added), keys);
  const replaced = roles.reduce((root, role) => withKey(root, role, key), withoutKey(next, roles, old));
  tell(session, await writeDraft(rootsDir, replaced));
}

async function edit(
  session: Session,
  flags: RootFlags,
  change: (root: Root, at: RootDesk) => Promise<Root> | Root,
): Promise<void> {
  const at = desk(session, flags);
  const { envelope } = await readDraft(at.rootsDir);
  tell(session, await writeDraft(at.rootsDir, await change(envelope.signed, at)));
}

export async function addKey(session: Session, flags: AddKeyFlags): Promise<void> {
  await edit(session, flags, async (root, { keys }) => {
    const key = await publicKeyOf(parseKeyAddress(flags.key), keys);
    return flags.role.reduce((each, role) => withKey(each, role, key), root);
  });
}

export async function removeKey(session: Session, flags: RemoveKeyFlags): Promise<void> {
  await edit(session, flags, (root) => withoutKey(root, flags.role ?? TOP_ROLES, findKeyId(root, flags.keyId)));
}

export async function threshold(session: Session, flags: ThresholdFlags): Promise<void> {
  await edit(session, flags, (root) => setThreshold(root, flags.role, flags.threshold));
}

export async function expire(session: Session, flags: ExpireFlags): Promise<void> {
  await edit(session, flags, (root) => setExpiry(root, startOf(flags.expires, new Date())));
}

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
  await writeFile(resolve(flags.out), payload);
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
  await finish(session, await addSignatures(draft, [{ keyid, sig: await readSignature(flags.signature) }]));
}

/** Raw, or in hex. */
async function readSignature(file: string): Promise<string> {
  const bytes = await readFile(file);
  const text = bytes.toString('latin1').trim().toLowerCase();
  return /^([0-9a-f]{2})+$/.test(text) ? text : bytes.toString('hex');
}

export async function show(session: Session, flags: RootFlags): Promise<void> {
  const { rootsDir } = desk(session, flags);
  const chain = await readRootDirectory(rootsDir);
  const draft = await findDraft(rootsDir);
  const parts = [
    ...(chain === undefined ? [] : [describeRoot(newest(chain).signed)]),
    ...(draft === undefined ? [] : [describeDraft(draft)]),
  ];
  session.result(parts.join('\n') || `There is no root in ${rootsDir}`, {
    root: chain === undefined ? null : newest(chain).signed,
    draft: draft?.envelope ?? null,
    lacking: draft === undefined ? [] : lackingOf(draft),
  });
}

async function finish(session: Session, draft: RootDraft): Promise<void> {
  const root = await finishDraft(draft);
  if (root === undefined) return tell(session, draft);
  const path = relative('', draft.dir);
  session.result(
    `${describeRoot(root.signed)}\nSigned: ${path}/${root.fileName}. It goes out with the next "repo create" or "repo refresh".`,
    { version: root.signed.version, done: true },
  );
}

function tell(session: Session, draft: RootDraft): void {
  session.result(describeDraft(draft), {
    version: draft.envelope.signed.version,
    done: false,
    lacking: lackingOf(draft),
  });
}

function describeDraft(draft: RootDraft): string {
  return [`${describeRoot(draft.envelope.signed)}, in the making`, ...lackingOf(draft).map(describeLacking)].join('\n');
}

function describeLacking({ said, signed, others, threshold: wanted }: Lacking): string {
  return `  ${said} wants ${wanted} of its root keys: ${signed.length} signed${others.length === 0 ? '' : `, ${others.map(short).join(' and ')} did not`}`;
}

function describeRoot(root: Root): string {
  const rows = TOP_ROLES.map((role) => {
    const { threshold: wanted, keyids } = root.roles[role];
    const keys = keyids.map((id) => `${short(id)} (${root.keys[id]?.keytype ?? 'unknown'})`).join(', ');
    return [`  ${role}`, `${wanted} of ${keyids.length}`, keys];
  });
  return `Root version ${root.version}, good until ${root.expires}\n${formatTable(rows)}`;
}
