import { z } from 'zod';

const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'expected a region such as eu-north-1');
const role = z.string().regex(/^arn:[a-z-]+:iam::\d{12}:role\/\S+$/, 'expected the ARN of a role');
const account = z.string().regex(/^\d{12}$/, 'expected an account of 12 digits');
const organization = z
  .string()
  .regex(/^arn:[a-z-]+:organizations::\d{12}:organization\/\S+$/, 'expected the ARN of an organization');
const unit = z
  .string()
  .regex(/^arn:[a-z-]+:organizations::\d{12}:ou\/\S+$/, 'expected the ARN of an organizational unit');

const sharing = z
  .strictObject({
    accounts: z.array(account).default([]),
    groups: z.array(z.literal('all')).default([]).describe('"all": everybody'),
    organizations: z.array(organization).default([]),
    'organizational-units': z.array(unit).default([]),
  })
  .prefault({})
  .describe('Who may start the AMIs, from the day on which they are made');

/** The `aws` section of Infra.yaml: where AMIs and their SSM parameters go, and as whom. */
export const awsSchema = z.strictObject({
  regions: z.array(region).default([]).describe('The first one is where snapshots are made; the others get copies'),
  profile: z.string().min(1).optional().describe('Profile of the shared AWS configuration'),
  role: role.optional().describe('Assumed first'),
  region: z
    .record(region, z.strictObject({ role: role.optional().describe('Assumed on top, for this region only') }))
    .default({}),
  'ssm-prefix': z.string().default('').describe('What the names of all SSM parameters begin with'),
  'ssm-templates': z
    .string()
    .min(1)
    .optional()
    .describe('File of SSM parameter templates; the id and version of the AMI unless told'),
  'ssm-public': z
    .array(z.string().min(1))
    .default(['/aws/'])
    .describe('Parameters whose names begin with these are read by everybody, so their AMIs must be public'),
  sharing,
  tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}).describe('On every snapshot and AMI'),
  encryption: z
    .strictObject({
      'kms-key': z.string().min(1).optional().describe("Id, ARN or alias; the account's own key for EBS unless told"),
      region: z
        .record(region, z.strictObject({ 'kms-key': z.string().min(1) }))
        .default({})
        .describe('Keys of regions that have another'),
    })
    .optional()
    .describe('Encrypt snapshots; without it they are as the account has it'),
  'nitro-tpm': z.boolean().default(false).describe('Give instances a TPM 2.0; needs UEFI'),
  s3: z.record(z.string(), z.record(z.string(), z.unknown())).default({}).describe('Read by others'),
});

export type AwsConfig = z.output<typeof awsSchema>;
