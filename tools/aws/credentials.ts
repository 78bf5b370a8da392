import type { AwsCredentialIdentityProvider } from '@aws-sdk/types';

/** Who publishes. Roles are assumed one from the other: the general one first, then that of the region. */
export interface Identity {
  /** Where STS is called and snapshots are made; opt-in regions have no STS for those who have not opted in. */
  readonly baseRegion: string;
  /** Of the shared configuration files; the SDK's default chain unless told. */
  readonly profile: string | undefined;
  readonly role: string | undefined;
  readonly regionRoles: ReadonlyMap<string, string>;
}

const SESSION_NAME = 'slipway';

export async function regionCredentials(identity: Identity, region: string): Promise<AwsCredentialIdentityProvider> {
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  const { profile, baseRegion } = identity;
  const own = fromNodeProviderChain({
    ...(profile !== undefined && { profile }),
    clientConfig: { region: baseRegion },
  });
  const roles = [identity.role, identity.regionRoles.get(region)].filter((role) => role !== undefined);
  const provider = roles.reduce<AwsCredentialIdentityProvider>(
    (masterCredentials, RoleArn) =>
      fromTemporaryCredentials({
        masterCredentials,
        params: { RoleArn, RoleSessionName: SESSION_NAME },
        clientConfig: { region: baseRegion },
      }),
    own,
  );
  return oneAtATime(provider);
}

const RENEW_MS = 5 * 60_000;

/** The clients of a region share what STS gave, and ask for it once. */
function oneAtATime(provider: AwsCredentialIdentityProvider): AwsCredentialIdentityProvider {
  let current: ReturnType<AwsCredentialIdentityProvider> | undefined;
  return async () => {
    const known = await current?.catch(() => undefined);
    const endsMs = known?.expiration?.getTime() ?? Infinity;
    if (known === undefined || endsMs - Date.now() < RENEW_MS) current = provider();
    return await (current ?? provider());
  };
}
