/** What happens to AMIs after their day: deprecated, removed, and their leftovers with them. */
import type { Json } from '../graph/task.ts';
import type { Amis } from './amis-file.ts';
import { TAGS } from './image-spec.ts';
import { describeImages, listImages } from './images.ts';
import type { FoundImage } from './images.ts';
import { whoAmI } from './preflight.ts';
import { inEachRegion } from './publication.ts';
import type { Region } from './region.ts';
import type { Upkeep } from './sharing-plan.ts';
import { gone } from './sharing-plan.ts';
import { findSnapshots } from './snapshots.ts';
import type { Step } from './steps.ts';

export type UpkeepStep = Step &
  (
    | { readonly kind: 'deprecate'; readonly image: string; readonly at: string | undefined }
    | { readonly kind: 'deregister'; readonly image: string }
    | { readonly kind: 'delete-snapshot'; readonly snapshot: string }
    | { readonly kind: 'forget' }
  );

/** EC2 keeps whole minutes. */
export function wholeMinute(date: Date): string {
  return new Date(Math.ceil(date.getTime() / 60_000) * 60_000).toISOString().replace(/\.\d+Z$/, '.000Z');
}

/** `at` undefined takes it back. */
export async function planDeprecation(
  upkeep: Upkeep,
  amis: Amis,
  at: string | undefined,
): Promise<readonly UpkeepStep[]> {
  const steps = await inEachRegion(upkeep, async (region): Promise<UpkeepStep[]> => {
    const { account, image } = await find(region, amis);
    const before = image.deprecatedAt === undefined ? undefined : new Date(image.deprecatedAt).toISOString();
    if (before === at) return [];
    return [
      {
        kind: 'deprecate',
        image: image.id,
        at,
        id: `deprecate/${region.name}`,
        title:
          at === undefined
            ? `Take back the deprecation of ${image.name} in ${region.name}`
            : `Deprecate ${image.name} in ${region.name}`,
        region: region.name,
        account,
        calls: [at === undefined ? 'ec2:DisableImageDeprecation' : 'ec2:EnableImageDeprecation', 'ec2:DescribeImages'],
        before: before ?? null,
        after: at ?? null,
        needs: [],
      },
    ];
  });
  return steps.flat();
}

async function find(at: Region, amis: Amis): Promise<{ account: string; image: FoundImage }> {
  const ami = amis[at.name];
  if (ami === undefined) throw new TypeError('regions were taken from amis.json');
  const account = await whoAmI(at);
  const [image] = await describeImages(at, [ami.id]);
  if (image === undefined) throw gone(at, ami);
  return { account, image };
}

/** The AMI goes first: a snapshot in use cannot be removed. */
export async function planDeletion(upkeep: Upkeep, amis: Amis): Promise<readonly UpkeepStep[]> {
  const steps = await inEachRegion(upkeep, async (at): Promise<UpkeepStep[]> => {
    const ami = amis[at.name];
    const account = await whoAmI(at);
    const [image] = ami === undefined ? [] : await describeImages(at, [ami.id]);
    const facts = { region: at.name, account };
    const away = image === undefined ? [] : [removal({ ...facts, image })];
    const snapshots = (image?.snapshots ?? []).map((snapshot) => snapshotRemoval({ ...facts, snapshot, needs: away }));
    return [
      ...away,
      ...snapshots,
      {
        kind: 'forget',
        id: `forget/${at.name}`,
        title: `Take ${at.name} out of amis.json`,
        ...facts,
        calls: [],
        before: ami ?? null,
        after: null,
        needs: [...away, ...snapshots].map(({ id }) => id),
      },
    ];
  });
  return steps.flat();
}

function removal({ region, account, image }: { region: string; account: string; image: FoundImage }): UpkeepStep {
  return {
    kind: 'deregister',
    image: image.id,
    id: `deregister/${region}/${image.id}`,
    title: `Deregister ${image.name} (${image.id}) in ${region}`,
    region,
    account,
    calls: ['ec2:DeregisterImage', 'ec2:DescribeImages'],
    before: { name: image.name, state: image.state, public: image.public },
    after: null,
    needs: [],
  };
}

function snapshotRemoval({
  region,
  account,
  snapshot,
  needs = [],
  before = {},
}: {
  region: string;
  account: string;
  snapshot: string;
  needs?: readonly Step[];
  before?: Json;
}): UpkeepStep {
  return {
    kind: 'delete-snapshot',
    snapshot,
    id: `delete-snapshot/${region}/${snapshot}`,
    title: `Delete snapshot ${snapshot} in ${region}`,
    region,
    account,
    calls: ['ec2:DeleteSnapshot'],
    before,
    after: null,
    needs: needs.map(({ id }) => id),
  };
}

export interface GarbageOptions {
  readonly osName: string;
  readonly variant: string;
  /** Younger ones may be of a run that is under way. */
  readonly olderThanMs: number;
  readonly nowMs: number;
}

/** Snapshots with our tags that no AMI of the account refers to. */
export async function planGarbage(
  upkeep: Omit<Upkeep, 'amisPath'>,
  { osName, variant, olderThanMs, nowMs }: GarbageOptions,
): Promise<readonly UpkeepStep[]> {
  const steps = await inEachRegion(upkeep, async (at) => {
    const account = await whoAmI(at);
    const ours = await findSnapshots(at, { [TAGS.os]: osName, [TAGS.variant]: variant });
    const used = new Set((await listImages(at)).flatMap(({ snapshots }) => snapshots));
    const unused = ours.filter(
      ({ id, startedAt }) => !used.has(id) && nowMs - (startedAt?.getTime() ?? nowMs) >= olderThanMs,
    );
    return unused.map(({ id, state, tags, startedAt }) =>
      snapshotRemoval({
        region: at.name,
        account,
        snapshot: id,
        before: {
          state,
          version: tags[TAGS.version] ?? null,
          disk: tags[TAGS.disk] ?? null,
          startedAt: startedAt?.toISOString() ?? null,
        },
      }),
    );
  });
  return steps.flat();
}
