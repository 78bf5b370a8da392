import { createHash, createPublicKey } from 'node:crypto';

import type { GetPublicKeyCommandOutput, KMSClient, SigningAlgorithmSpec } from '@aws-sdk/client-kms';

import type { KeySource } from '../config/infra-repo.ts';
import { BuildError } from '../errors.ts';
import { awsClient, awsFailure } from './aws-access.ts';
import { tufKeyOf } from './key.ts';
import type { Signer } from './signer.ts';

type KmsSource = Extract<KeySource, { kms: unknown }>['kms'];

/** By type of key in root.json: how KMS has to sign for it. */
const ALGORITHMS: Readonly<Record<string, SigningAlgorithmSpec>> = {
  rsa: 'RSASSA_PSS_SHA_256',
  ecdsa: 'ECDSA_SHA_256',
};

/**
 * An asymmetric signing key of AWS KMS. Only a digest of what is signed goes there.
 * @throws BuildError tuf/key-service, tuf/unsupported-key
 */
export async function openKmsKey(source: KmsSource): Promise<Signer> {
  const { KMSClient: Client, GetPublicKeyCommand, SignCommand } = await import('@aws-sdk/client-kms');
  const client: KMSClient = new Client(
    awsClient({ ...source, region: source.region ?? source['available-keys']?.[source['key-id']] }),
  );
  const name = `aws-kms:${source['key-id']}`;
  const answer = await client
    .send(new GetPublicKeyCommand({ KeyId: source['key-id'] }))
    .catch((cause: unknown) => Promise.reject(awsFailure('tuf/key-service', `Cannot open key "${name}"`, cause)));
  const publicKey = publicKeyOf(answer, name);
  const key = tufKeyOf(publicKey, name);
  const algorithm = algorithmFor(key.keytype, answer, name);
  const modulusBytes = (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  return {
    key,
    name,
    sign: async (bytes) => {
      const Message = createHash('sha256').update(bytes).digest();
      const { Signature } = await client
        .send(new SignCommand({ KeyId: source['key-id'], Message, MessageType: 'DIGEST', SigningAlgorithm: algorithm }))
        .catch((cause: unknown) => Promise.reject(awsFailure('tuf/key-service', `Cannot sign with "${name}"`, cause)));
      return leftPadded(Signature ?? new Uint8Array(), modulusBytes);
    },
  };
}

function publicKeyOf({ PublicKey }: GetPublicKeyCommandOutput, name: string): ReturnType<typeof createPublicKey> {
  if (PublicKey === undefined)
    throw new BuildError('tuf/key-service', `Cannot open key "${name}": its public half was not given`);
  return createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
}

function algorithmFor(
  keytype: string,
  { SigningAlgorithms = [] }: GetPublicKeyCommandOutput,
  name: string,
): SigningAlgorithmSpec {
  const wanted = ALGORITHMS[keytype];
  if (wanted !== undefined && SigningAlgorithms.includes(wanted)) return wanted;
  const got = SigningAlgorithms.join(', ') || 'none';
  throw new BuildError(
    'tuf/unsupported-key',
    `Cannot sign with "${name}": expected a key that does ${wanted ?? Object.values(ALGORITHMS).join(' or ')}, got ${got}`,
  );
}

/** An RSA signature is as long as its modulus, zeros in front included. */
function leftPadded(signature: Uint8Array, bytes: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(Math.max(0, bytes - signature.byteLength)), signature]);
}
