/** Who may start an AMI, and who may make volumes of its snapshots. */
import type { LaunchPermission } from '@aws-sdk/client-ec2';
import { z } from 'zod';

import type { AwsConfig } from '../config/infra-aws.ts';
import { BuildError } from '../errors.ts';
import type { Region } from './region.ts';

/** As amis.json writes it: one key each. */
export const permissionSchema = z.union([
  z.strictObject({ group: z.string() }),
  z.strictObject({ userid: z.string() }),
  z.strictObject({ organizationarn: z.string() }),
  z.strictObject({ organizationalunitarn: z.string() }),
]);

export type Permission = z.output<typeof permissionSchema>;

export const EVERYBODY: Permission = { group: 'all' };

export function permissionsOf({ sharing }: Pick<AwsConfig, 'sharing'>): readonly Permission[] {
  return [
    ...sharing.groups.map((group) => ({ group })),
    ...sharing.accounts.map((userid) => ({ userid })),
    ...sharing.organizations.map((organizationarn) => ({ organizationarn })),
    ...sharing['organizational-units'].map((organizationalunitarn) => ({ organizationalunitarn })),
  ];
}

export function isPublic(permissions: readonly Permission[]): boolean {
  return permissions.some((permission) => 'group' in permission && permission.group === 'all');
}

/** Snapshots know accounts and groups; an organisation reads them through the AMI. */
export function onSnapshots(permissions: readonly Permission[]): readonly Permission[] {
  return permissions.filter((permission) => 'group' in permission || 'userid' in permission);
}

/** The one text of a permission: `userid 210000000001`. */
export function permissionText(permission: Permission): string {
  return Object.entries(permission)
    .map(([kind, value]) => `${kind} ${value}`)
    .join();
}

/** What `wanted` has and `there` has not. */
export function lacking(wanted: readonly Permission[], there: readonly Permission[]): readonly Permission[] {
  const known = new Set(there.map(permissionText));
  return wanted.filter((permission) => !known.has(permissionText(permission)));
}

export function sortPermissions(permissions: readonly Permission[]): readonly Permission[] {
  return permissions.toSorted((a, b) => (permissionText(a) < permissionText(b) ? -1 : 1));
}

export async function readImagePermissions(at: Region, image: string): Promise<readonly Permission[]> {
  const query = { ImageId: image, Attribute: 'launchPermission' } as const;
  const { LaunchPermissions = [] } = await at.call('ec2:DescribeImageAttribute', (o) =>
    at.ec2.describeImageAttribute(query, o),
  );
  return sortPermissions(LaunchPermissions.flatMap(fromEc2));
}

export async function readSnapshotPermissions(at: Region, snapshot: string): Promise<readonly Permission[]> {
  const query = { SnapshotId: snapshot, Attribute: 'createVolumePermission' } as const;
  const answer = await at.call('ec2:DescribeSnapshotAttribute', (o) => at.ec2.describeSnapshotAttribute(query, o));
  return sortPermissions((answer.CreateVolumePermissions ?? []).flatMap(fromEc2));
}

export type Direction = 'grant' | 'revoke';

export interface ShareChange {
  readonly direction: Direction;
  readonly permissions: readonly Permission[];
}

/** Gives who may start it afterwards, as read back. @throws BuildError aws/not-shared */
export async function changeImage(at: Region, image: string, change: ShareChange): Promise<readonly Permission[]> {
  const LaunchPermission = toEc2(change);
  await at.call('ec2:ModifyImageAttribute', (o) =>
    at.ec2.modifyImageAttribute({ ImageId: image, LaunchPermission }, o),
  );
  return assertChanged(at, image, { change, now: await readImagePermissions(at, image) });
}

/** Gives who may make volumes of it afterwards, as read back. @throws BuildError aws/not-shared */
export async function changeSnapshot(
  at: Region,
  snapshot: string,
  change: ShareChange,
): Promise<readonly Permission[]> {
  const request = { SnapshotId: snapshot, CreateVolumePermission: toEc2(change) };
  await at.call('ec2:ModifySnapshotAttribute', (o) => at.ec2.modifySnapshotAttribute(request, o));
  return assertChanged(at, snapshot, { change, now: await readSnapshotPermissions(at, snapshot) });
}

function assertChanged(
  { name }: Region,
  id: string,
  { change: { direction, permissions }, now }: { change: ShareChange; now: readonly Permission[] },
): readonly Permission[] {
  const missing = lacking(permissions, now);
  const wrong = direction === 'grant' ? missing : permissions.filter((one) => !missing.includes(one));
  if (wrong.length === 0) return now;
  const texts = wrong.map(permissionText).join(', ');
  throw new BuildError(
    'aws/not-shared',
    `Cannot change who may use "${id}" in ${name}: what is read back differs at ${texts}`,
    { hint: 'Run the same command again; if it stays so, look for a policy of the organization that forbids it' },
  );
}

function fromEc2({ Group, UserId, OrganizationArn, OrganizationalUnitArn }: LaunchPermission): Permission[] {
  // Some servers answer with an empty group beside the account.
  if (Group !== undefined && Group.length > 0) return [{ group: Group }];
  if (UserId !== undefined && UserId !== '') return [{ userid: UserId }];
  if (OrganizationArn !== undefined) return [{ organizationarn: OrganizationArn }];
  return OrganizationalUnitArn === undefined ? [] : [{ organizationalunitarn: OrganizationalUnitArn }];
}

function toEc2({ direction, permissions }: ShareChange) {
  const list = permissions.map((permission) => {
    if ('group' in permission) return { Group: 'all' as const };
    if ('userid' in permission) return { UserId: permission.userid };
    if ('organizationarn' in permission) return { OrganizationArn: permission.organizationarn };
    return { OrganizationalUnitArn: permission.organizationalunitarn };
  });
  return direction === 'grant' ? { Add: list } : { Remove: list };
}
