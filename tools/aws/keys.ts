import type { AwsConfig } from '../config/infra-aws.ts';
import { BuildError } from '../errors.ts';
import { serviceError } from './caller.ts';
import { kmsKeyIn } from './image-spec.ts';
import type { Region } from './region.ts';

/**
 * The key that encrypts in a region, by its ARN: EBS takes no alias, and tells of snapshots by the ARN. `null` is the account's own,
 * undefined no encryption of ours.
 * @throws BuildError aws/bad-key
 */
export async function findKey(at: Region, config: AwsConfig): Promise<string | null | undefined> {
  const key = kmsKeyIn(config, at.name);
  if (typeof key !== 'string') return key;
  const hint = 'Name a key of that region that this role may use: aws.encryption.region.<region>.kms-key';
  const refuse = (finding: string, cause?: unknown): never => {
    throw new BuildError('aws/bad-key', `Cannot encrypt with "${key}" in ${at.name}: ${finding}`, { hint, cause });
  };
  const { KeyMetadata } = await at
    .call('kms:DescribeKey', (o) => at.kms.describeKey({ KeyId: key }, o))
    .catch((error: unknown) =>
      serviceError(error) === '' ? Promise.reject(error) : refuse('the key is not there', error),
    );
  if (KeyMetadata?.KeyState !== 'Enabled') refuse(`expected an enabled key, got one that is ${KeyMetadata?.KeyState}`);
  if (KeyMetadata?.KeyUsage !== 'ENCRYPT_DECRYPT' || KeyMetadata.KeySpec !== 'SYMMETRIC_DEFAULT')
    refuse('expected a symmetric key for encryption');
  return KeyMetadata?.Arn;
}
