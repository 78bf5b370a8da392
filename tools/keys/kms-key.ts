import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

import type { GetPublicKeyCommandOutput, KMSClient, SigningAlgorithmSpec } from '@aws-sdk/client-kms';

import type { KeySource } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { awsClient, awsFailure } from './aws-access.ts';
import type { Scheme, SchemeOf, ServiceKey } from './service-key.ts';

type KmsSource = Extract<KeySource, { kms: unknown }>['kms'];

/** KMS's own words. Ed25519 is none of its. */
const ALGORITHMS: Readonly<Partial<Record<Scheme, SigningAlgorithmSpec>>> = {
  'rsa-pkcs1': 'RSASSA_PKCS1_V1_5_SHA_256',
  'rsa-pss': 'RSASSA_PSS_SHA_256',
  ecdsa: 'ECDSA_SHA_256',
};

/**
 * An asymmetric signing key of AWS KMS. Only a digest of what is signed goes there.
 * @throws BuildError keys/service, keys/unsupported, keys/other-region
 */
export async function openKmsKey(source: KmsSource, schemeOf: SchemeOf): Promise<ServiceKey> {
  const name = `aws-kms:${source['key-id']}`;
  const region = regionOf(source, name);
  const { KMSClient: Client, GetPublicKeyCommand, SignCommand } = await import('@aws-sdk/client-kms');
  const client: KMSClient = new Client(awsClient({ ...source, region }));
  const answer = await client
    .send(new GetPublicKeyCommand({ KeyId: source['key-id'] }))
    .catch((cause: unknown) => Promise.reject(cannotOpen(name, region, cause)));
  const publicKey = publicKeyOf(answer, name);
  const algorithm = algorithmFor(schemeOf(publicKey, name), answer, name);
  const modulusBytes = (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  return {
    publicKey,
    name,
    sign: async (bytes) => {
      const Message = createHash('sha256').update(bytes).digest();
      const { Signature } = await client
        .send(new SignCommand({ KeyId: source['key-id'], Message, MessageType: 'DIGEST', SigningAlgorithm: algorithm }))
        .catch((cause: unknown) => Promise.reject(awsFailure('keys/service', `Cannot sign with "${name}"`, cause)));
      return leftPadded(Signature ?? new Uint8Array(), modulusBytes);
    },
  };
}

/** An ARN (arn:aws:kms:<region>:...) names the region, and KMS answers for its own alone. @throws BuildError keys/other-region */
function regionOf(source: KmsSource, name: string): string | undefined {
  const told = source.region ?? source['available-keys']?.[source['key-id']];
  const [, own] = /^arn:[^:]+:kms:([^:]+):/.exec(source['key-id']) ?? [];
  if (own === undefined || told === undefined || own === told) return told ?? own;
  throw new BuildError(
    'keys/other-region',
    `Cannot open key "${name}": it is in region ${own}, and region says ${told}`,
    {
      hint: `Set region to ${own}, or leave it out`,
    },
  );
}

function cannotOpen(name: string, region: string | undefined, cause: unknown): BuildError {
  const where = region === undefined ? '' : ` in region ${region}`;
  const failure = awsFailure('keys/service', `Cannot open key "${name}"${where}`, cause);
  if (failure.hint !== undefined || !(cause instanceof Error) || cause.name !== 'NotFoundException') return failure;
  const hint = 'Each region has keys of its own: see that "region" is the one the key was made in';
  return new BuildError('keys/service', failure.message, { cause: failure.cause, hint });
}

function publicKeyOf({ PublicKey }: GetPublicKeyCommandOutput, name: string): KeyObject {
  if (PublicKey === undefined)
    throw new BuildError('keys/service', `Cannot open key "${name}": its public half was not given`);
  return createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
}

function algorithmFor(
  scheme: Scheme,
  { SigningAlgorithms = [] }: GetPublicKeyCommandOutput,
  name: string,
): SigningAlgorithmSpec {
  const wanted = ALGORITHMS[scheme];
  if (wanted !== undefined && SigningAlgorithms.includes(wanted)) return wanted;
  const got = SigningAlgorithms.join(', ') || 'none';
  throw new BuildError(
    'keys/unsupported',
    `Cannot sign with "${name}": expected a key that does ${wanted ?? Object.values(ALGORITHMS).join(' or ')}, got ${got}`,
  );
}

/** An RSA signature is as long as its modulus, zeros in front included. */
function leftPadded(signature: Uint8Array, bytes: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, bytes - signature.byteLength)), signature]);
}
