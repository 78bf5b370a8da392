/** What a cloud remembers, per account and region. */
import { createHash } from 'node:crypto';

import { ApiError } from './wire.ts';

/** EBS knows no other size. */
export const BLOCK_BYTES = 512 * 1024;

export type Tags = Record<string, string>;

export interface Permission {
  readonly kind: 'Group' | 'UserId' | 'OrganizationArn' | 'OrganizationalUnitArn';
  readonly value: string;
}

export interface Snapshot {
  readonly id: string;
  readonly owner: string;
  readonly region: string;
  readonly sizeGiB: number;
  readonly description: string;
  readonly tags: Tags;
  readonly startedAt: Date;
  readonly encrypted: boolean;
  /** ARN. */
  readonly kmsKey: string | undefined;
  readonly parent: string | undefined;
  /** Block index -> bytes; what the parent has stands below. */
  readonly blocks: Map<number, Buffer>;
  state: 'pending' | 'completed' | 'error';
  sealed: boolean;
  /** How often it is asked for before it is done. */
  polls: number;
  permissions: Permission[];
}

export interface Device {
  readonly name: string;
  readonly snapshot: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly deleteOnTermination: boolean;
}

export interface Image {
  readonly id: string;
  readonly owner: string;
  readonly region: string;
  readonly name: string;
  readonly description: string;
  readonly arch: string;
  readonly devices: readonly Device[];
  readonly tags: Tags;
  readonly facts: Readonly<Record<string, string | boolean | undefined>>;
  readonly uefiData: string | undefined;
  state: 'pending' | 'available' | 'failed';
  polls: number;
  permissions: Permission[];
  deprecatedAt: string | undefined;
}

export interface Caller {
  readonly account: string;
  readonly region: string;
}

/** One request, as it is logged and as a fault is decided on. */
export interface Call extends Caller {
  readonly service: string;
  /** `ec2:RegisterImage`. */
  readonly action: string;
  /** Counts from 1. */
  readonly number: number;
  /** When it came, as performance.now() tells. */
  readonly atMs: number;
}

export class World {
  readonly snapshots = new Map<string, Snapshot>();
  readonly images = new Map<string, Image>();
  /** `account/region/name` -> value. */
  readonly parameters = new Map<string, { value: string; version: number }>();
  readonly tokens = new Map<string, { readonly request: string; readonly result: string }>();
  readonly publicBlocked = new Set<string>();
  /** Regions whose account encrypts whatever is made. */
  readonly encrypting = new Set<string>();
  /** Values that somebody has asked for: `region/service/code` -> value. */
  readonly quotas = new Map<string, number>();
  /** Regions whose Service Quotas knows none. */
  readonly withoutQuotas = new Set<string>();
  /** Asked for this often, what was started is done. */
  polls = 1;
  #ids = 0;

  /** The same in each run, so that what two runs leave can be compared. */
  nextId(prefix: 'ami' | 'snap'): string {
    this.#ids += 1;
    return `${prefix}-${createHash('sha256').update(`${prefix}${this.#ids}`).digest('hex').slice(0, 17)}`;
  }

  /** A snapshot of the caller's own, or one that was shared with it. */
  snapshot({ account, region }: Caller, id: string, use: 'own' | 'read' = 'own'): Snapshot {
    const found = this.snapshots.get(id);
    const visible =
      found !== undefined && (found.owner === account || (use === 'read' && mayUse(found.permissions, account)));
    if (!visible || found.region !== region)
      throw new ApiError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);
    return found;
  }

  image({ account, region }: Caller, id: string): Image {
    const found = this.images.get(id);
    if (found?.owner !== account || found.region !== region)
      throw new ApiError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
    return found;
  }

  /** All blocks, the parent's too. */
  contentOf(snapshot: Snapshot): Map<number, Buffer> {
    const parent = snapshot.parent === undefined ? undefined : this.snapshots.get(snapshot.parent);
    return new Map([...(parent === undefined ? [] : this.contentOf(parent)), ...snapshot.blocks]);
  }

  /** The result of an earlier request with the same token, if it asked for the same. */
  recall(token: string, request: string): string | undefined {
    const known = this.tokens.get(token);
    if (known === undefined || known.request === request) return known?.result;
    throw new ApiError('ConflictException', 'The client token was used with other parameters', 409);
  }
}

export function mayUse(permissions: readonly Permission[], account: string): boolean {
  return permissions.some(
    ({ kind, value }) => (kind === 'Group' && value === 'all') || (kind === 'UserId' && value === account),
  );
}
