/** The one call of KMS, JSON 1.1: keys whose alias begins with `alias/there` are there. */
import { z } from 'zod';

import { ApiError } from './wire.ts';
import type { Caller, World } from './world.ts';

const querySchema = z.object({ KeyId: z.string() });

export const KMS: Readonly<Record<string, (world: World, caller: Caller, request: unknown) => object>> = {
  DescribeKey: (_world, caller, request) => {
    const { KeyId } = querySchema.parse(request);
    return {
      KeyMetadata: {
        KeyId,
        Arn: keyArn(caller, KeyId),
        KeyState: KeyId.endsWith('disabled') ? 'Disabled' : 'Enabled',
        KeyUsage: KeyId.endsWith('signing') ? 'SIGN_VERIFY' : 'ENCRYPT_DECRYPT',
        KeySpec: KeyId.endsWith('signing') ? 'RSA_3072' : 'SYMMETRIC_DEFAULT',
      },
    };
  },
};

/** Of a key named by an alias or by its ARN. */
export function keyArn({ region, account }: Caller, id: string): string {
  const home = `arn:aws:kms:${region}:${account}:key/`;
  if (id.startsWith(home)) return id;
  if (!id.startsWith('alias/there')) throw new ApiError('NotFoundException', `Alias ${id} is not found.`);
  return `${home}${id.slice('alias/'.length)}`;
}

/** What the account encrypts with where nobody names a key. */
export function ownKey({ region, account }: Caller): string {
  return `arn:aws:kms:${region}:${account}:key/own`;
}
