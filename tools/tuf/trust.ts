import { BuildError } from '../errors.ts';
import { verifySignature } from './key.ts';
import type { KeyId, TufKey } from './key.ts';
import type { Envelope, Root, RoleKeys, Signature, Targets, TopRole } from './metadata.ts';

/** Who may sign a role, and how many of them must. */
export interface Authority {
  readonly keys: Readonly<Record<KeyId, TufKey>>;
  readonly keyids: readonly KeyId[];
  readonly threshold: number;
  /** What says so, for messages: `root version 3`. */
  readonly said: string;
}

export function authorityOf(root: Root, role: TopRole): Authority {
  return named(root.keys, root.roles[role], `root version ${root.version}`);
}

/** Of a role that targets delegate to. */
export function delegatedAuthority({ delegations, version }: Targets, name: string): Authority | undefined {
  const role = delegations?.roles.find((each) => each.name === name);
  return role === undefined ? undefined : named(delegations?.keys ?? {}, role, `targets version ${version}`);
}

function named(keys: Readonly<Record<string, TufKey>>, role: RoleKeys, said: string): Authority {
  return { keys, keyids: [...new Set(role.keyids)], threshold: role.threshold, said };
}

/** Keys of an authority that have signed. Each counts once, however often it signed (TUF 5.3.4). */
export function goodSigners(
  payload: Uint8Array,
  signatures: readonly Signature[],
  authority: Authority,
): readonly KeyId[] {
  return authority.keyids.filter((id) => {
    const key = authority.keys[id];
    return key !== undefined && signatures.some(({ keyid, sig }) => keyid === id && verifySignature(key, payload, sig));
  });
}

/** @throws BuildError tuf/below-threshold */
export function assertSigned<S>({ payload, signatures }: Envelope<S>, authority: Authority, file: string): void {
  const good = goodSigners(payload, signatures, authority);
  if (good.length >= authority.threshold) return;
  const { threshold, keyids, said } = authority;
  const finding = `expected signatures of ${threshold} of the ${keyids.length} keys that ${said} names, got ${good.length}`;
  throw new BuildError('tuf/below-threshold', `Cannot trust "${file}": ${finding}`, {
    cause: new Error(`signed by ${signatures.map(({ keyid }) => keyid.slice(0, 12)).join(', ') || 'nobody'}`),
  });
}
