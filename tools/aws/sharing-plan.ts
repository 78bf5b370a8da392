/** Grant and revoke on AMIs that are there: all snapshots of all regions, and only then any AMI; to revoke, the other way round. */
import { BuildError } from '../errors.ts';
import type { Ami, Amis } from './amis-file.ts';
import { describeImages } from './images.ts';
import { withPermissions } from './observe.ts';
import type { ObservedImage } from './observe.ts';
import { isPublic, lacking, onSnapshots, sortPermissions } from './permissions.ts';
import type { Direction, Permission, ShareChange } from './permissions.ts';
import { whoAmI } from './preflight.ts';
import { checkSharingRoom } from './quotas.ts';
import { allOf, inEachRegion } from './publication.ts';
import type { Publication } from './publication.ts';
import type { Region } from './region.ts';
import type { Step } from './steps.ts';

/** What a verb on AMIs that are there works with. */
export type Upkeep = Pick<Publication, 'regionNames' | 'regions' | 'stateDir' | 'amisPath' | 'sink' | 'signal'>;

export type ShareStep = Step & { readonly permissions: readonly Permission[] } & (
    | { readonly kind: 'snapshots'; readonly snapshots: readonly string[] }
    | { readonly kind: 'image'; readonly image: string; readonly ami: Ami }
  );

interface Shared {
  readonly region: string;
  readonly account: string;
  readonly ami: Ami;
  readonly image: ObservedImage;
}

/** @throws BuildErrors what is in the way, in every region */
export async function planSharing(upkeep: Upkeep, amis: Amis, change: ShareChange): Promise<readonly ShareStep[]> {
  const shared = await inEachRegion(upkeep, async (at): Promise<Shared> => {
    const ami = amis[at.name];
    if (ami === undefined) throw new TypeError('regions were taken from amis.json');
    const account = await whoAmI(at);
    const [found] = await describeImages(at, [ami.id]);
    const image = await withPermissions(at, found);
    if (image === undefined) throw gone(at, ami);
    if (change.direction === 'grant') await assertMayShare(at, upkeep, { image, permissions: change.permissions });
    return { region: at.name, account, ami, image };
  });
  return joinSteps(change, shared);
}

function joinSteps(change: ShareChange, shared: readonly Shared[]): ShareStep[] {
  const onSnapshot = shared.flatMap((one) => snapshotStep(change, one));
  const onImage = shared.flatMap((one) => imageStep(change, one));
  const [first, then] = change.direction === 'grant' ? [onSnapshot, onImage] : [onImage, onSnapshot];
  const needs = first.map(({ id }) => id);
  return [...first, ...then.map((step) => ({ ...step, needs }))];
}

function snapshotStep(change: ShareChange, { region, account, ami, image }: Shared): ShareStep[] {
  const all = [...image.snapshotPermissions.values()];
  const permissions = onSnapshots(change.permissions).filter((one) =>
    all.some((each) => lacking([one], each).length > 0 === (change.direction === 'grant')),
  );
  if (permissions.length === 0) return [];
  const before = all[0] ?? [];
  return [
    {
      kind: 'snapshots',
      snapshots: image.snapshots,
      permissions,
      id: `${change.direction}-snapshots/${region}`,
      title: `${VERBS[change.direction]} the snapshots of ${ami.name} in ${region}`,
      region,
      account,
      calls: ['ec2:ModifySnapshotAttribute', 'ec2:DescribeSnapshotAttribute'],
      before,
      after: apply(before, change.direction, permissions),
      needs: [],
    },
  ];
}

function imageStep(change: ShareChange, { region, account, ami, image }: Shared): ShareStep[] {
  const { direction } = change;
  const missing = lacking(change.permissions, image.permissions);
  const permissions = direction === 'grant' ? missing : change.permissions.filter((one) => !missing.includes(one));
  const recorded =
    lacking(image.permissions, ami.launch_permissions ?? []).length === 0 &&
    lacking(ami.launch_permissions ?? [], image.permissions).length === 0;
  if (permissions.length === 0 && recorded) return [];
  return [
    {
      kind: 'image',
      image: image.id,
      ami,
      permissions,
      id: `${direction}-image/${region}`,
      title: `${VERBS[direction]} ${ami.name} in ${region}`,
      region,
      account,
      calls: ['ec2:ModifyImageAttribute', 'ec2:DescribeImageAttribute'],
      before: image.permissions,
      after: apply(image.permissions, direction, permissions),
      needs: [],
    },
  ];
}

const VERBS = { grant: 'Share', revoke: 'Withdraw' } as const;

function apply(
  before: readonly Permission[],
  direction: Direction,
  change: readonly Permission[],
): readonly Permission[] {
  return direction === 'grant' ? sortPermissions([...before, ...lacking(change, before)]) : lacking(before, change);
}

export function gone({ name }: Pick<Region, 'name'>, ami: Ami): BuildError {
  return new BuildError(
    'aws/no-ami',
    `Cannot find AMI "${ami.id}" (${ami.name}) in ${name}: amis.json says it is there`,
    {
      hint: 'Make it again (ami create), or compare the two: ami validate',
    },
  );
}

/** @throws BuildErrors aws/public-blocked, aws/quota */
async function assertMayShare(
  at: Region,
  upkeep: Upkeep,
  { image, permissions }: { image: ObservedImage; permissions: readonly Permission[] },
): Promise<void> {
  const { name, permissions: there } = image;
  await allOf([
    isPublic(permissions) ? assertMayBePublic(at) : Promise.resolve(),
    checkSharingRoom(at, upkeep, { name, there, more: lacking(permissions, there) }),
  ]);
}

/** @throws BuildError aws/public-blocked */
async function assertMayBePublic(at: Region): Promise<void> {
  const { ImageBlockPublicAccessState: state } = await at.call('ec2:GetImageBlockPublicAccessState', (o) =>
    at.ec2.getImageBlockPublicAccessState({}, o),
  );
  if (state !== 'block-new-sharing') return;
  throw new BuildError(
    'aws/public-blocked',
    `Cannot share with everybody in ${at.name}: the account blocks public AMIs there`,
    {
      hint: `Allow it first: aws ec2 disable-image-block-public-access --region ${at.name}`,
    },
  );
}
