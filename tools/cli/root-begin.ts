/** Verbs that begin a root: the first, and each next one. */
import { BuildError } from '../errors.ts';
import { parseKeyAddress } from '../tuf/key-address.ts';
import { TOP_ROLES } from '../tuf/metadata.ts';
import { publicKeyOf } from '../tuf/open-signer.ts';
import { findDraft, writeDraft } from '../tuf/root-draft.ts';
import { addKey, findKeyId, initRoot, nextVersionOf, removeKey } from '../tuf/root-edit.ts';
import { newest, readRootDirectory } from '../tuf/roots.ts';
import { startOf } from './repo-create.ts';
import { desk, tell } from './root-tell.ts';
import type { RootFlags } from './root-tell.ts';
import type { Session } from './session.ts';

export type InitFlags = RootFlags & { readonly expires: string };
export type RotateFlags = RootFlags & { readonly expires: string; readonly replace?: string; readonly with?: string };

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
  const replaced = roles.reduce((root, role) => addKey(root, role, key), removeKey(next, roles, old));
  tell(session, await writeDraft(rootsDir, replaced));
}
