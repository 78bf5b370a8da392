/** Where the roots of a repository are made, and how they are told of. */
import { relative } from 'node:path';

import { openRootDesk } from '../recipe/root-desk.ts';
import type { RootDesk } from '../recipe/root-desk.ts';
import { formatTable } from '../report/format.ts';
import { TOP_ROLES } from '../tuf/metadata.ts';
import type { Root } from '../tuf/metadata.ts';
import { short } from '../tuf/role.ts';
import { findDraft, finishDraft, lackingOf } from '../tuf/root-draft.ts';
import type { RootDraft } from '../tuf/root-draft.ts';
import { newest, readRootDirectory } from '../tuf/roots.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';
import { describeLacking } from './tell-signing.ts';

export interface RootFlags {
  readonly repo?: string;
  readonly infra?: string;
}

export function desk(session: Session, flags: RootFlags): RootDesk {
  return openRootDesk(flags, surroundingsOf(session));
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

/** A draft that has enough signatures becomes a root. */
export async function finish(session: Session, draft: RootDraft): Promise<void> {
  const root = await finishDraft(draft);
  if (root === undefined) return tell(session, draft);
  const path = relative('', draft.dir);
  session.result(
    `${describeRoot(root.signed)}\nSigned: ${path}/${root.fileName}. It goes out with the next "repo create" or "repo refresh".`,
    { version: root.signed.version, done: true },
  );
}

export function tell(session: Session, draft: RootDraft): void {
  session.result(describeDraft(draft), {
    version: draft.envelope.signed.version,
    done: false,
    lacking: lackingOf(draft),
  });
}

function describeDraft(draft: RootDraft): string {
  return [
    `${describeRoot(draft.envelope.signed)}, in the making`,
    ...lackingOf(draft).map((lacking) => describeLacking(lacking, 'root')),
  ].join('\n');
}

function describeRoot(root: Root): string {
  const rows = TOP_ROLES.map((role) => {
    const { threshold: wanted, keyids } = root.roles[role];
    const keys = keyids.map((id) => `${short(id)} (${root.keys[id]?.keytype ?? 'unknown'})`).join(', ');
    return [`  ${role}`, `${wanted} of ${keyids.length}`, keys];
  });
  return `Root version ${root.version}, good until ${root.expires}\n${formatTable(rows)}`;
}
