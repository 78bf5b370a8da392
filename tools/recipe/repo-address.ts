/** Where a repository of updates is, and how it is reached. */
import type { AwsAccess, RepoConfig } from '../config/infra-repo.ts';
import type { ReadInfra } from '../config/read-infra.ts';
import { BuildError } from '../errors.ts';
import { joinAddress, openPlace } from '../tuf/open-place.ts';
import type { Place } from '../tuf/place.ts';

/** Where a repository is published, or will be. */
export interface Address {
  readonly metadata: string;
  readonly targets: string;
  readonly access: AwsAccess;
}

/** How an s3 address is reached, when not as Infra.yaml or the environment says. */
export interface AccessFlags {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
}

/** Flags win over what stands in Infra.yaml. */
export function accessOf({ endpoint, region }: AccessFlags, config: RepoConfig | undefined): AwsAccess {
  const { publish } = config ?? {};
  return { profile: publish?.profile, endpoint: endpoint ?? publish?.endpoint, region: region ?? publish?.region };
}

export function addressBelow(base: string, access: AwsAccess): Address {
  return { metadata: base, targets: joinAddress(base, 'targets'), access };
}

export function configuredAddress(name: string, { locate }: ReadInfra, config: RepoConfig): Address | undefined {
  const { publish, 'metadata-base-url': metadata, 'targets-url': targets } = config;
  if (publish !== undefined)
    return { metadata: publish.to, targets: publish.targets ?? joinAddress(publish.to, 'targets'), access: publish };
  if (metadata !== undefined && targets !== undefined) return { metadata, targets, access: {} };
  if (metadata === undefined && targets === undefined) return undefined;
  const lacks = metadata === undefined ? 'metadata-base-url' : 'targets-url';
  throw new BuildError(
    'config/one-address',
    `Cannot find repository "${name}": it has one address, and lacks ${lacks}`,
    {
      at: locate(['repo', name]),
    },
  );
}

/** The place of one fleet's metadata. */
export async function metadataPlace(
  { metadata, access }: Address,
  { variant, arch }: { variant: string; arch: string },
): Promise<Place> {
  return await openPlace(joinAddress(metadata, variant, arch), access);
}

export async function targetsPlace({ targets, access }: Address): Promise<Place> {
  return await openPlace(targets, access);
}

/** Where a repository is. @throws BuildError tuf/no-address */
export function addressOf({ name, address }: { name: string; address: Address | undefined }): Address {
  if (address !== undefined) return address;
  throw new BuildError('tuf/no-address', `Cannot tell where repository "${name}" is published`, {
    hint: 'Name it: --base file:<dir>, https://... or s3://...; or in Infra.yaml: publish: { to: ... }',
  });
}
