/** STS, query protocol with XML, by the rules that its reference documents. */
import { ApiError, need, text } from './wire.ts';
import type { Param, Xml } from './wire.ts';
import type { Caller } from './world.ts';

export function serveSts(name: string, caller: Caller, params: Param): Xml {
  if (name === 'GetCallerIdentity')
    return { Account: caller.account, UserId: 'AIDA', Arn: `arn:aws:iam::${caller.account}:user/publisher` };
  const role = need(params, 'RoleArn');
  const [, account = ''] = /iam::(\d{12}):role/.exec(role) ?? [];
  if (role.endsWith('/missing'))
    throw new ApiError('AccessDenied', `Not authorized to perform: sts:AssumeRole on resource: ${role}`, 403);
  const expires = new Date(Date.now() + 3_600_000).toISOString();
  return {
    Credentials: {
      AccessKeyId: `ASIA${account}`,
      SecretAccessKey: 'not-a-secret',
      SessionToken: 'token',
      Expiration: expires,
    },
    AssumedRoleUser: { Arn: `${role}/${text(params, 'RoleSessionName')}`, AssumedRoleId: 'AROA' },
  };
}
