/** How much an account may have in a region, and whether there is room for what is to be made. */
import { BuildError, throwAll } from '../errors.ts';
import { serviceError } from './caller.ts';
import type { ImageSpec } from './image-spec.ts';
import { ec2Arch, TAGS } from './image-spec.ts';
import { listImages } from './images.ts';
import { isPublic, permissionsOf } from './permissions.ts';
import type { Permission } from './permissions.ts';
import { allOf, baseRegion } from './publication.ts';
import type { Publication } from './publication.ts';
import type { Region } from './region.ts';
import { findSnapshots } from './snapshots.ts';
import type { FoundSnapshot } from './snapshots.ts';

interface Quota {
  /** As Service Quotas names it. */
  readonly name: string;
  readonly service: 'ec2' | 'ebs';
  readonly code: `L-${string}`;
  readonly adjustable: boolean;
}

/** Of the quotas on AMIs and on snapshots, those that a publisher meets (EC2 "AMI quotas", EBS "Quotas for Amazon EBS"). */
const QUOTAS = {
  images: { name: 'AMIs', service: 'ec2', code: 'L-B665C33B', adjustable: true },
  publicImages: { name: 'Public AMIs', service: 'ec2', code: 'L-0E3CBAB9', adjustable: true },
  sharing: { name: 'AMI sharing', service: 'ec2', code: 'L-70015FFA', adjustable: true },
  snapshots: { name: 'Snapshots per Region', service: 'ebs', code: 'L-309BACF6', adjustable: true },
  pending: { name: 'Pending snapshots per account', service: 'ebs', code: 'L-94D7AB7D', adjustable: false },
} as const satisfies Readonly<Record<string, Quota>>;

interface Need {
  readonly quota: Quota;
  /** What is there now. */
  readonly used: number;
  readonly more: number;
}

/**
 * Room for the AMI and its snapshots in a region that does not have them yet.
 * @throws BuildErrors aws/quota
 */
export async function checkRoom(at: Region, { spec, config, sink, ...publication }: Publication): Promise<void> {
  const images = await listImages(at);
  if (images.some(({ name, arch }) => name === spec.name && arch === ec2Arch(spec.arch))) return;
  const snapshots = await findSnapshots(at, {});
  const started = at.name === baseRegion(publication) ? startedBy(spec, snapshots) : 0;
  const wanted = permissionsOf(config);
  const publicImages = images.filter((image) => image.public).length;
  const toStart = spec.disks.length - started;
  await assertRoom(at, { what: spec.name, sink }, [
    { quota: QUOTAS.images, used: images.length, more: 1 },
    { quota: QUOTAS.snapshots, used: snapshots.length, more: toStart },
    { quota: QUOTAS.pending, used: snapshots.filter(({ state }) => state === 'pending').length, more: toStart },
    { quota: QUOTAS.publicImages, used: publicImages, more: isPublic(wanted) ? 1 : 0 },
    { quota: QUOTAS.sharing, used: 0, more: entities(wanted) },
  ]);
}

/** Those that a killed run has begun or finished. */
function startedBy({ disks }: ImageSpec, snapshots: readonly FoundSnapshot[]): number {
  const begun = new Set(snapshots.filter(({ state }) => state !== 'error').map(({ tags }) => tags[TAGS.content]));
  return disks.filter(({ sha256 }) => begun.has(sha256)).length;
}

/**
 * Room for those that an AMI is to be shared with.
 * @throws BuildErrors aws/quota
 */
export async function checkSharingRoom(
  at: Region,
  { sink }: Pick<Publication, 'sink'>,
  image: {
    readonly name: string;
    readonly there: readonly Permission[];
    readonly more: readonly Permission[];
  },
): Promise<void> {
  const opens = isPublic(image.more) && !isPublic(image.there);
  await assertRoom(at, { what: image.name, sink }, [
    {
      quota: QUOTAS.publicImages,
      used: opens ? (await listImages(at)).filter((one) => one.public).length : 0,
      more: opens ? 1 : 0,
    },
    { quota: QUOTAS.sharing, used: entities(image.there), more: entities(image.more) },
  ]);
}

/** "Everybody" counts as a public AMI, and not as one that it is shared with. */
function entities(permissions: readonly Permission[]): number {
  return permissions.filter((permission) => !('group' in permission)).length;
}

async function assertRoom(
  at: Region,
  { what, sink }: { readonly what: string } & Pick<Publication, 'sink'>,
  needs: readonly Need[],
): Promise<void> {
  const findings = await allOf(
    needs.filter(({ more }) => more > 0).map(async (need) => ({ ...need, most: await readQuota(at, need.quota) })),
  );
  for (const { quota, most } of findings)
    if (most === undefined)
      sink({
        type: 'warning',
        message: `Cannot tell whether there is room for "${what}" in ${at.name}: Service Quotas does not know "${quota.name}" there`,
      });
  throwAll(
    findings.flatMap(({ quota, used, more, most }) =>
      most === undefined || used + more <= most ? [] : [noRoom(at, what, { quota, used, more, most })],
    ),
  );
}

/** The account's own value, or the one that AWS gives to everybody; undefined where the region has no such quota. */
async function readQuota(at: Region, { service, code }: Quota): Promise<number | undefined> {
  const query = { ServiceCode: service, QuotaCode: code };
  const applied = await at
    .call('servicequotas:GetServiceQuota', (o) => at.servicequotas.getServiceQuota(query, o))
    .catch(unlessUnknown);
  if (applied?.Quota?.Value !== undefined) return applied.Quota.Value;
  const standard = await at
    .call('servicequotas:GetAWSDefaultServiceQuota', (o) => at.servicequotas.getAWSDefaultServiceQuota(query, o))
    .catch(unlessUnknown);
  return standard?.Quota?.Value;
}

function unlessUnknown(error: unknown): undefined {
  if (serviceError(error) !== 'NoSuchResourceException') throw error;
}

function noRoom(at: Region, what: string, { quota, used, more, most }: Need & { readonly most: number }): BuildError {
  const { name, service, code, adjustable } = quota;
  const request = `aws service-quotas request-service-quota-increase --region ${at.name} --service-code ${service} --quota-code ${code} --desired-value ${used + more}`;
  return new BuildError(
    'aws/quota',
    `Cannot publish "${what}" in ${at.name}: expected room for ${more} more, the quota "${name}" is ${most}, and ${used} are in use`,
    { hint: adjustable ? `Remove what is not needed, or ask for more: ${request}` : 'Wait until those are done' },
  );
}
