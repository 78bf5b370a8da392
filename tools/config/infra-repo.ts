import { z } from 'zod';

const positive = z.int().min(1);
const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'expected a region such as eu-north-1');
const address = z.url({ protocol: /^(https?|file|s3)$/, error: 'expected an http, https, file or s3 address' });

/** How a service of AWS is reached when not as the environment says. */
const access = {
  region: region.optional(),
  profile: z.string().min(1).optional().describe('Profile of the shared AWS configuration'),
  endpoint: z.url().optional().describe('Address of another server that answers as AWS does'),
};

const fileKey = z.strictObject({
  path: z.string().min(1).describe('PEM file; of the public half alone where a key only has to be named'),
  'passphrase-file': z
    .string()
    .min(1)
    .optional()
    .describe('File with the passphrase of an encrypted PEM; asked for unless told'),
});

export const kmsKey = z.strictObject({
  'key-id': z.string().min(1).describe('Id, ARN or alias/<name> of an asymmetric signing key'),
  ...access,
  'available-keys': z.record(z.string(), region).optional().describe('Key id -> region, as Infra.toml has it'),
  'key-alias': z.string().optional(),
  regions: z.array(region).optional(),
  'key-stack-arns': z.record(z.string(), z.string()).optional(),
});

const ssmKey = z.strictObject({
  parameter: z.string().min(1).describe('Name of a SecureString that holds a PEM'),
  ...access,
});

export const pkcs11Key = z.strictObject({
  module: z.string().min(1).describe("The token's PKCS#11 library"),
  token: z.string().min(1).describe('Label of the token'),
  label: z.string().min(1).describe('Label of the key pair'),
  'pin-file': z.string().min(1).optional().describe('File with the PIN; asked for unless told'),
});

/** Where a key is kept: exactly one of these. */
export const keySourceSchema = z.union([
  z.strictObject({ file: fileKey }),
  z.strictObject({ kms: kmsKey }),
  z.strictObject({ ssm: ssmKey }),
  z.strictObject({ pkcs11: pkcs11Key }),
]);

const keys = z.union([keySourceSchema, z.array(keySourceSchema).min(1)]);

const signingKeys = z.union([
  z
    .strictObject({ targets: keys.optional(), snapshot: keys.optional(), timestamp: keys })
    .describe('Keys of each role; left out, or the public half alone, where they are elsewhere (--sign-later)'),
  keys,
]);

/** One repository of updates. */
export const repoSchema = z.strictObject({
  'root-roles': z
    .string()
    .min(1)
    .optional()
    .describe('Directory of the root roles, <n>.root.json; roles/<name> unless told'),
  'root-role-url': address
    .optional()
    .describe('Where the first root role is fetched from when that directory has none'),
  'root-role-sha512': z
    .string()
    .regex(/^[0-9a-f]{128}$/, 'expected 128 lower-case hex digits (SHA-512)')
    .optional(),
  'signing-keys': signingKeys.optional().describe('Keys of targets, snapshot and timestamp'),
  'root-keys': keys.optional().describe('Keys of the root role'),
  'metadata-base-url': address.optional().describe('Where hosts read metadata, above <variant>/<arch>/'),
  'targets-url': address.optional().describe('Where hosts read targets'),
  publish: z
    .strictObject({
      to: address.describe('Where it is published: metadata here, targets below targets/'),
      targets: address.optional().describe('Another place for the targets'),
      ...access,
      cloudfront: z
        .string()
        .min(1)
        .optional()
        .describe('CloudFront distribution in front of it, whose copies are dropped'),
    })
    .optional(),
  // What Infra.toml says to programs that set up infrastructure.
  'file-hosting-config-name': z.string().optional(),
  'root-key-threshold': positive.optional(),
  'pub-key-threshold': positive.optional(),
});

export type RepoConfig = z.output<typeof repoSchema>;
export type KeySource = z.output<typeof keySourceSchema>;
export type AwsAccess = Readonly<{
  region?: string | undefined;
  profile?: string | undefined;
  endpoint?: string | undefined;
}>;

/** Of one role, which may have keys of its own, or share those of all. */
export function keysOfRole(
  keysOf: NonNullable<RepoConfig['signing-keys']>,
  role: 'targets' | 'snapshot' | 'timestamp',
): readonly KeySource[] {
  if ('length' in keysOf || 'file' in keysOf || 'kms' in keysOf) return keyList(keysOf);
  return keyList('ssm' in keysOf || 'pkcs11' in keysOf ? keysOf : keysOf[role]);
}

/** One or several, as a list. */
export function keyList(value: KeySource | readonly KeySource[] | undefined): readonly KeySource[] {
  if (value === undefined) return [];
  return 'length' in value ? value : [value];
}
