import type { KeySource } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { awsClient, awsFailure } from '../keys/aws-access.ts';
import { localSigner, parsePrivate } from './file-key.ts';
import type { Signer } from './signer.ts';

type SsmSource = Extract<KeySource, { ssm: unknown }>['ssm'];

/**
 * A PEM in a SecureString of AWS SSM's parameter store. It is decrypted there, and kept in memory alone here.
 * @throws BuildError keys/service, tuf/not-a-key
 */
export async function openSsmKey({ parameter, ...access }: SsmSource): Promise<Signer> {
  const { SSMClient, GetParameterCommand } = await import('@aws-sdk/client-ssm');
  const name = `aws-ssm:${parameter}`;
  const client = new SSMClient(awsClient(access));
  const { Parameter } = await client
    .send(new GetParameterCommand({ Name: parameter, WithDecryption: true }))
    .catch((cause: unknown) => Promise.reject(awsFailure('keys/service', `Cannot open key "${name}"`, cause)));
  if (Parameter?.Type !== 'SecureString')
    throw new BuildError(
      'tuf/not-a-key',
      `Cannot open key "${name}": expected a SecureString, got ${Parameter?.Type ?? 'nothing'}`,
    );
  return localSigner(parsePrivate(Parameter.Value ?? '', name), name);
}
