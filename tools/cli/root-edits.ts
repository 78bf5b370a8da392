/** Verbs that change a root while it is in the making. */
import type { RootDesk } from '../recipe/root-desk.ts';
import { parseKeyAddress } from '../tuf/key-address.ts';
import { TOP_ROLES } from '../tuf/metadata.ts';
import type { Root, TopRole } from '../tuf/metadata.ts';
import { publicKeyOf } from '../tuf/open-signer.ts';
import { readDraft, writeDraft } from '../tuf/root-draft.ts';
import { addKey as withKey, findKeyId, removeKey as withoutKey, setExpiry, setThreshold } from '../tuf/root-edit.ts';
import { startOf } from './repo-create.ts';
import { desk, tell } from './root-tell.ts';
import type { RootFlags } from './root-tell.ts';
import type { Session } from './session.ts';

export type AddKeyFlags = RootFlags & { readonly key: string; readonly role: readonly TopRole[] };
export type RemoveKeyFlags = RootFlags & { readonly keyId: string; readonly role?: readonly TopRole[] };
export type ThresholdFlags = RootFlags & { readonly role: TopRole; readonly threshold: number };
export type ExpireFlags = RootFlags & { readonly expires: string };

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
