/** Which actions of IAM each verb calls: docs/ami.md prints these as policies, and a test holds each verb to its own. */
const OBSERVE = ['ec2:DescribeImages', 'ec2:DescribeImageAttribute', 'ec2:DescribeSnapshotAttribute'] as const;

const QUOTAS = ['servicequotas:GetServiceQuota', 'servicequotas:GetAWSDefaultServiceQuota'] as const;

const PLAN = [...OBSERVE, ...QUOTAS, 'ec2:DescribeRegions', 'ec2:DescribeSnapshots'] as const;

const SSM_READ = ['ssm:GetParameters'] as const;

const REVOKE = [...OBSERVE, 'ec2:ModifyImageAttribute', 'ec2:ModifySnapshotAttribute'] as const;

const GRANT = [...REVOKE, ...QUOTAS] as const;

/** Verb -> actions. Where a role is assumed, whoever assumes it needs sts:AssumeRole on that role, too. */
export const POLICIES = {
  'ami plan': PLAN,
  'ami create': [
    ...PLAN,
    'ebs:StartSnapshot',
    'ebs:PutSnapshotBlock',
    'ebs:CompleteSnapshot',
    'ebs:ListSnapshotBlocks',
    'ebs:GetSnapshotBlock',
    'ec2:CreateTags',
    'ec2:RegisterImage',
    'ec2:CopyImage',
    'ec2:ModifyImageAttribute',
    'ec2:ModifySnapshotAttribute',
  ],
  'ami grant': GRANT,
  'ami revoke': REVOKE,
  'ami public': [...GRANT, 'ec2:GetImageBlockPublicAccessState'],
  'ami private': REVOKE,
  'ami validate': OBSERVE,
  'ami deprecate': ['ec2:DescribeImages', 'ec2:EnableImageDeprecation', 'ec2:DisableImageDeprecation'],
  'ami delete': ['ec2:DescribeImages', 'ec2:DeregisterImage', 'ec2:DeleteSnapshot'],
  'ami gc': ['ec2:DescribeImages', 'ec2:DescribeSnapshots', 'ec2:DeleteSnapshot'],
  // The AMIs that public names name must be public.
  'ssm plan': [...SSM_READ, 'ec2:DescribeImages'],
  'ssm diff': SSM_READ,
  'ssm set': [...SSM_READ, 'ec2:DescribeImages', 'ssm:PutParameter'],
  'ssm promote': [...SSM_READ, 'ec2:DescribeImages', 'ssm:PutParameter'],
  'ssm validate': [...SSM_READ, 'ssm:GetParametersByPath'],
  'ssm undo': [...SSM_READ, 'ssm:PutParameter', 'ssm:DeleteParameters'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type PublishVerb = keyof typeof POLICIES;

/** Beside those of the verb, where aws.encryption names a key: what EBS does with it in the caller's name, and our check of it. */
export const KEY_ACTIONS = [
  'kms:CreateGrant',
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncrypt*',
] as const;

/** A policy as IAM takes it. */
export function policyDocument(actions: readonly string[]): object {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: [...actions].toSorted(), Resource: '*' }] };
}
