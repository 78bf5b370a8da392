/** From how things stand to how they should: pure, and a plan of what is left after a run that was killed. */
import type { Amis } from './amis-file.ts';
import { BLOCK_BYTES, countBlocks } from './blocks.ts';
import type { DiskImage } from './image-spec.ts';
import { contentDigest, copiedSnapshotTags, imageTags, kmsKeyIn, snapshotTags } from './image-spec.ts';
import { registration } from './images.ts';
import type { Observed, ObservedRegion } from './observe.ts';
import { lacking, onSnapshots, permissionsOf, sortPermissions } from './permissions.ts';
import type { Permission } from './permissions.ts';
import type { Publication } from './publication.ts';
import type { Step } from './steps.ts';

export type AmiStep = Step &
  (
    | { readonly kind: 'upload-snapshot'; readonly disk: DiskImage['disk'] }
    | { readonly kind: 'register-image' }
    | { readonly kind: 'await-image' }
    | { readonly kind: 'copy-image' }
    | { readonly kind: 'grant-snapshots'; readonly permissions: readonly Permission[] }
    | { readonly kind: 'grant-image'; readonly permissions: readonly Permission[] }
    | { readonly kind: 'record' }
  );

const WAITS = ['ec2:DescribeImages'];

export function planAmi(publication: Publication, observed: Observed, recorded: Amis): readonly AmiStep[] {
  const [base, ...others] = observed.regions;
  if (base === undefined) return [];
  const foreign = others.filter(({ account, image }) => account !== base.account && image === undefined);
  const accounts = [...new Set(foreign.map(({ account }) => account))].map((userid) => ({ userid }));
  const made = planBase(publication, observed, base);
  const lent = planGrants(publication, base, {
    wanted: [...permissionsOf(publication.config), ...accounts],
    after: made,
  });
  // What is lent to another account matters to its copies only.
  const copies = others.flatMap((region) =>
    planCopy(publication, { region, base, after: region.account === base.account ? made : [...made, ...lent] }),
  );
  const steps = [...made, ...lent, ...copies];
  const records = observed.regions.flatMap((region) => planRecord(publication, { region, recorded, steps }));
  return [...steps, ...records];
}

function planBase(publication: Publication, observed: Observed, { region, account, image }: ObservedRegion): AmiStep[] {
  const { spec } = publication;
  if (image !== undefined) return awaitUnlessAvailable({ region, account, image });
  const uploads = spec.disks.map((disk) => planUpload(publication, observed, { disk, region, account }));
  const { TagSpecifications: _, BlockDeviceMappings: devices, UefiData, ...facts } = registration(spec, []);
  const volumes = devices?.map(({ DeviceName, Ebs }) => `${DeviceName} ${Ebs?.VolumeSize} GiB ${Ebs?.VolumeType}`);
  const register: AmiStep = {
    kind: 'register-image',
    id: `register-image/${region}`,
    title: `Register ${spec.name} in ${region}`,
    region,
    account,
    calls: ['ec2:RegisterImage', 'ec2:CreateTags', ...WAITS],
    before: null,
    after: {
      ...plainFacts(facts),
      volumes: volumes ?? [],
      // Kilobytes that say nothing to a person.
      ...(UefiData !== undefined && { UefiData: `${UefiData.length} characters` }),
      tags: imageTags(spec),
    },
    needs: uploads.map(({ id }) => id),
  };
  return [...uploads, register];
}

function plainFacts(facts: object): Readonly<Record<string, string | boolean>> {
  return Object.fromEntries(
    Object.entries(facts).filter((entry): entry is [string, string | boolean] =>
      /string|boolean/.test(typeof entry[1]),
    ),
  );
}

function planUpload(
  { spec, config }: Publication,
  { snapshots, parents }: Observed,
  { disk, region, account }: { disk: DiskImage; region: string; account: string },
): AmiStep {
  const found = snapshots.get(disk.disk) ?? [];
  const begun = found.find(({ state }) => state !== 'error');
  const complete = begun?.state === 'completed';
  const parent = parents.get(disk.disk)?.snapshot;
  const kmsKey = kmsKeyIn(config, region);
  const writes = ['ebs:StartSnapshot', 'ec2:CreateTags', 'ebs:PutSnapshotBlock', 'ebs:CompleteSnapshot'];
  return {
    kind: 'upload-snapshot',
    disk: disk.disk,
    id: `upload-snapshot/${region}/${disk.disk}`,
    title: complete ? `Check the ${disk.disk} disk in ${region}` : `Upload the ${disk.disk} disk to ${region}`,
    region,
    account,
    calls: [...(complete ? [] : writes), 'ec2:DescribeSnapshots', 'ebs:ListSnapshotBlocks', 'ebs:GetSnapshotBlock'],
    before: begun === undefined ? null : { snapshot: begun.id, state: begun.state },
    after: {
      state: 'completed',
      content: disk.sha256,
      blocks: `at most ${countBlocks(disk)} of ${BLOCK_BYTES} bytes`,
      encryption: kmsKey === undefined ? "the account's setting" : (kmsKey ?? "the account's own key"),
      parent: parent ?? null,
      tags: snapshotTags(spec, disk),
    },
    needs: [],
  };
}

function awaitUnlessAvailable({ region, account, image }: ObservedRegion): AmiStep[] {
  if (image === undefined || image.state === 'available') return [];
  const after = { state: 'available' };
  const before = { state: image.state };
  const title = `Wait for ${image.id} in ${region}`;
  return [
    {
      kind: 'await-image',
      id: `await-image/${region}`,
      title,
      region,
      account,
      calls: WAITS,
      before,
      after,
      needs: [],
    },
  ];
}

function planCopy(
  publication: Publication,
  {
    region: { region, account, image },
    base,
    after,
  }: { region: ObservedRegion; base: ObservedRegion; after: readonly Step[] },
): AmiStep[] {
  const { spec, config } = publication;
  const observed = { region, account, image };
  const kmsKey = kmsKeyIn(config, region);
  const copy: AmiStep = {
    kind: 'copy-image',
    id: `copy-image/${region}`,
    title: `Copy ${spec.name} from ${base.region} to ${region}`,
    region,
    account,
    calls: ['ec2:CopyImage', 'ec2:CreateTags', ...WAITS],
    before: null,
    after: {
      from: base.region,
      encryption: kmsKey === undefined ? "the account's setting" : (kmsKey ?? "the account's own key"),
      tags: imageTags(spec),
      snapshotTags: copiedSnapshotTags(spec),
    },
    // An AMI that is not available cannot be copied, nor one that is not lent to the account that copies it.
    needs: after.map(({ id }) => id),
  };
  const made = image === undefined ? [copy] : awaitUnlessAvailable(observed);
  return [...made, ...planGrants(publication, observed, { wanted: permissionsOf(config), after: made })];
}

/** Snapshots before the AMI: one that can be started but not read is broken to those it was shared with. */
function planGrants(
  { spec }: Publication,
  { region, account, image }: ObservedRegion,
  { wanted, after }: { wanted: readonly Permission[]; after: readonly Step[] },
): AmiStep[] {
  const there = image?.permissions ?? [];
  const onEach = [...(image?.snapshotPermissions.values() ?? [])];
  const toImage = lacking(wanted, there);
  const toSnapshots =
    image === undefined
      ? onSnapshots(wanted)
      : onSnapshots(wanted).filter((one) => onEach.some((each) => lacking([one], each).length > 0));
  const facts = { region, account };
  const grant = (
    kind: 'grant-snapshots' | 'grant-image',
    permissions: readonly Permission[],
    needs: readonly Step[],
  ): AmiStep[] => {
    if (permissions.length === 0) return [];
    const [read, write] =
      kind === 'grant-image'
        ? ['DescribeImageAttribute', 'ModifyImageAttribute']
        : ['DescribeSnapshotAttribute', 'ModifySnapshotAttribute'];
    const what = kind === 'grant-image' ? spec.name : `the snapshots of ${spec.name}`;
    const before = kind === 'grant-image' ? there : (onEach[0] ?? []);
    return [
      {
        kind,
        permissions,
        id: `${kind}/${region}`,
        title: `Share ${what} in ${region}`,
        ...facts,
        calls: [`ec2:${write}`, `ec2:${read}`],
        before,
        after: sortPermissions([...before, ...permissions]),
        needs: needs.map(({ id }) => id),
      },
    ];
  };
  const snapshots = grant('grant-snapshots', toSnapshots, after);
  return [...snapshots, ...grant('grant-image', toImage, [...after, ...snapshots])];
}

/** Each region is written down as soon as it is done, so that no failure elsewhere loses it. */
function planRecord(
  { spec, amisPath }: Publication,
  {
    region: { region, account, image },
    recorded,
    steps,
  }: { region: ObservedRegion; recorded: Amis; steps: readonly AmiStep[] },
): AmiStep[] {
  const own = steps.filter((step) => step.region === region);
  const known = recorded[region];
  const right =
    known !== undefined &&
    known.id === image?.id &&
    known.content === contentDigest(spec) &&
    lacking(image.permissions, known.launch_permissions ?? []).length === 0;
  if (own.length === 0 && right) return [];
  return [
    {
      kind: 'record',
      id: `record/${region}`,
      title: `Write ${region} to amis.json`,
      region,
      account,
      calls: [],
      before: known ?? null,
      after: { file: amisPath.split('/').at(-1) ?? amisPath, name: spec.name, content: contentDigest(spec) },
      needs: own.map(({ id }) => id),
    },
  ];
}
