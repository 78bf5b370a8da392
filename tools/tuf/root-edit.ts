/** What can be done to a root before it is signed. Each gives a new one; nothing here signs. */
import { formatMoment } from '../config/moment.ts';
import { BuildError } from '../errors.ts';
import { keyIdOf } from './key.ts';
import type { KeyId, TufKey } from './key.ts';
import { SPEC_VERSION, TOP_ROLES } from './metadata.ts';
import type { Root, TopRole } from './metadata.ts';
import { short } from './role.ts';

export interface NewRoot {
  readonly expires: Date;
  readonly keys: Readonly<Record<TopRole, readonly TufKey[]>>;
  readonly thresholds?: Partial<Record<TopRole, number>>;
}

/** Version 1. Thresholds are 1 unless told. */
export function initRoot({ expires, keys, thresholds = {} }: NewRoot): Root {
  const empty = { keyids: [], threshold: 1 };
  const blank: Root = {
    _type: 'root',
    spec_version: SPEC_VERSION,
    consistent_snapshot: true,
    version: 1,
    expires: formatMoment(expires),
    keys: {},
    roles: { root: empty, targets: empty, snapshot: empty, timestamp: empty },
  };
  const filled = TOP_ROLES.reduce(
    (root, role) => keys[role].reduce((each, key) => addKey(each, role, key), root),
    blank,
  );
  return TOP_ROLES.reduce((root, role) => setThreshold(root, role, thresholds[role] ?? 1), filled);
}

/** The next version of a root, with the same keys. */
export function nextVersionOf(root: Root, expires: Date): Root {
  return { ...root, version: root.version + 1, expires: formatMoment(expires) };
}

export function addKey(root: Root, role: TopRole, key: TufKey): Root {
  const id = keyIdOf(key);
  const keyids = [...new Set([...root.roles[role].keyids, id])];
  return {
    ...root,
    keys: { ...root.keys, [id]: key },
    roles: { ...root.roles, [role]: { ...root.roles[role], keyids } },
  };
}

/** Of one role, or of all. A key that no role has any more is forgotten. @throws BuildError tuf/no-such-key */
export function removeKey(root: Root, roles: readonly TopRole[], id: KeyId): Root {
  if (!roles.some((role) => root.roles[role].keyids.includes(id)))
    throw new BuildError('tuf/no-such-key', `Cannot remove key ${short(id)}: no such key signs ${roles.join(', ')}`);
  const without = { ...root.roles };
  for (const role of roles)
    without[role] = { ...without[role], keyids: without[role].keyids.filter((each) => each !== id) };
  const used = new Set(TOP_ROLES.flatMap((role) => without[role].keyids));
  const keys = Object.fromEntries(Object.entries(root.keys).filter(([each]) => used.has(each)));
  return { ...root, keys, roles: without };
}

export function setThreshold(root: Root, role: TopRole, threshold: number): Root {
  return { ...root, roles: { ...root.roles, [role]: { ...root.roles[role], threshold } } };
}

export function setExpiry(root: Root, expires: Date): Root {
  return { ...root, expires: formatMoment(expires) };
}

/** Why nobody could sign under this root. */
export function rootComplaints(root: Root): readonly BuildError[] {
  return TOP_ROLES.flatMap((role) => {
    const { threshold, keyids } = root.roles[role];
    if (keyids.length >= threshold) return [];
    const finding = `expected at least ${threshold} keys for ${role}, got ${keyids.length}`;
    return [
      new BuildError('tuf/unreachable-threshold', `Cannot use root version ${root.version}: ${finding}`, {
        hint: `Add keys (root add-key --role ${role}), or lower the threshold (root set-threshold --role ${role})`,
      }),
    ];
  });
}

/** The one key whose id begins so. @throws BuildError tuf/no-such-key */
export function findKeyId(root: Root, prefix: string): KeyId {
  const found = Object.keys(root.keys).filter((id) => id.startsWith(prefix));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const known = Object.keys(root.keys).map(short).join(', ');
  throw new BuildError('tuf/no-such-key', `Cannot find one key "${prefix}": expected the start of one of ${known}`);
}
