/** Everything that can be known to go wrong before the first call that costs, found together. */
import type { AwsConfig } from '../config/infra-aws.ts';
import { BuildError, throwAll } from '../errors.ts';
import { countBlocks } from './blocks.ts';
import type { ImageSpec } from './image-spec.ts';
import { findKey } from './keys.ts';
import { isPublic, onSnapshots, permissionsOf } from './permissions.ts';
import { checkRoom } from './quotas.ts';
import { allOf, baseRegion, inEachRegion, throwRejected } from './publication.ts';
import type { Publication } from './publication.ts';
import type { Region } from './region.ts';
import { reserveJournal } from './snapshot-journal.ts';

const NAME = /^[\w()[\] ./'@-]{3,128}$/;
const MOST_DESCRIPTION = 255;
const MOST_TAGS = 50;
const OUR_TAGS = 7;
const MOST_VOLUME_GIB = 16_384;

/** Region -> account of whoever publishes there. */
export type Accounts = ReadonlyMap<string, string>;

/** @throws BuildErrors all findings */
export async function preflight(publication: Publication): Promise<Accounts> {
  const { spec, config, regionNames } = publication;
  const base = await publication.regions.at(baseRegion(publication));
  const accounts = new Map<string, string>();
  const findings = await Promise.allSettled([
    inOrder(() => throwAll(checkSpec(spec, config))),
    inOrder(() =>
      reserveJournal(
        `${publication.stateDir}/snapshots`,
        spec.disks.map(countBlocks).reduce((a, b) => a + b),
      ),
    ),
    checkOptIn(base, regionNames),
    inEachRegion(publication, async (at) => {
      accounts.set(at.name, await whoAmI(at));
      await allOf<unknown>([findKey(at, config), checkRoom(at, publication)]);
    }),
  ]);
  throwRejected(findings);
  return accounts;
}

/** A check that waits for nothing, beside those that do. */
async function inOrder(check: () => void): Promise<void> {
  await Promise.resolve();
  check();
}

/** @throws BuildError aws/no-access */
export async function whoAmI(at: Region): Promise<string> {
  try {
    const { Account = '' } = await at.call('sts:GetCallerIdentity', (o) => at.sts.getCallerIdentity({}, o));
    return Account;
  } catch (cause) {
    if (!(cause instanceof Error) || at.signal.aborted) throw cause;
    throw new BuildError('aws/no-access', `Cannot publish in ${at.name}: nobody vouches for these credentials there`, {
      cause,
      hint: 'Sign in (aws sso login), or set aws.profile and aws.role in Infra.yaml; docs/ami.md tells how',
    });
  }
}

function checkSpec(spec: ImageSpec, config: AwsConfig): BuildError[] {
  const errors: BuildError[] = [];
  const refuse = (what: string, finding: string, hint?: string): void =>
    void errors.push(new BuildError('aws/bad-image', `Cannot publish "${what}": ${finding}`, { hint }));
  if (!NAME.test(spec.name))
    refuse(spec.name, "expected a name of 3 to 128 letters, digits and ()[] ./-'@_", 'Give it another --name');
  if (spec.description.length > MOST_DESCRIPTION)
    refuse(
      spec.name,
      `expected a description of at most ${MOST_DESCRIPTION} characters, got ${spec.description.length}`,
    );
  if (Object.keys(spec.tags).length + OUR_TAGS > MOST_TAGS)
    refuse(spec.name, `expected at most ${MOST_TAGS - OUR_TAGS} tags, got ${Object.keys(spec.tags).length}`);
  for (const key of Object.keys(spec.tags).filter((tag) => /^(aws:|slipway:)/.test(tag)))
    refuse(spec.name, `expected a tag of your own, got "${key}"`, 'Rename it in aws.tags of Infra.yaml');
  for (const { disk, volumeGiB } of spec.disks.filter((one) => one.volumeGiB > MOST_VOLUME_GIB))
    refuse(spec.name, `expected a ${disk} volume of at most ${MOST_VOLUME_GIB} GiB, got ${volumeGiB}`);
  const shared = permissionsOf(config);
  if (config.encryption !== undefined && isPublic(shared))
    refuse(
      spec.name,
      'encrypted snapshots cannot be shared with everybody',
      'Take either aws.encryption or the group "all" out of Infra.yaml',
    );
  if (config.encryption !== undefined && config.encryption['kms-key'] === undefined && onSnapshots(shared).length > 0)
    refuse(spec.name, "snapshots under the account's own key cannot be shared", 'Name a key in aws.encryption.kms-key');
  return errors;
}

/** @throws BuildError aws/unknown-region, aws/region-not-opted-in */
async function checkOptIn(base: Region, regionNames: readonly string[]): Promise<void> {
  const { Regions = [] } = await base.call('ec2:DescribeRegions', (o) =>
    base.ec2.describeRegions({ AllRegions: true }, o),
  );
  const states = new Map(Regions.map(({ RegionName = '', OptInStatus }) => [RegionName, OptInStatus]));
  const findings = regionNames.map((name) => checkRegion(name, states));
  throwRejected(await Promise.allSettled(findings));
}

async function checkRegion(name: string, states: ReadonlyMap<string, string | undefined>): Promise<void> {
  await Promise.resolve();
  if (!states.has(name))
    throw new BuildError(
      'aws/unknown-region',
      `Cannot publish in "${name}": expected one of ${[...states.keys()].toSorted().join(', ')}`,
    );
  if (states.get(name) === 'not-opted-in')
    throw new BuildError('aws/region-not-opted-in', `Cannot publish in "${name}": the account has not opted in to it`, {
      hint: `Enable it (aws account enable-region --region-name ${name}), or take it out of aws.regions`,
    });
}
