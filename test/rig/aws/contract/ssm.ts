import { listParameters } from '../../../../tools/aws/parameters.ts';
import { refused } from './made.ts';
import type { Fact } from './made.ts';

export const SSM_FACTS: Readonly<Record<string, Fact>> = {
  'parameters are read ten at a time, no more': async (at) => {
    const Names = Array.from({ length: 11 }, (_, index) => `/p/${index}`);
    return await refused(
      at.call('ssm:GetParameters', (o) => at.ssm.getParameters({ Names }, o)),
      'ValidationException',
    );
  },
  'unknown parameters are told apart': async (at) => {
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter({ Name: '/known', Value: '1', Type: 'String' }, o));
    const { Parameters = [], InvalidParameters = [] } = await at.call('ssm:GetParameters', (o) =>
      at.ssm.getParameters({ Names: ['/known', '/unknown'] }, o),
    );
    return Parameters[0]?.Value === '1' && InvalidParameters[0] === '/unknown';
  },
  'a parameter is not overwritten unasked': async (at) => {
    const parameter = { Name: '/twice', Value: '1', Type: 'String' as const };
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter(parameter, o));
    return await refused(
      at.call('ssm:PutParameter', (o) => at.ssm.putParameter(parameter, o)),
      'ParameterAlreadyExists',
    );
  },
  'all parameters below a path are listed, page by page': async (at) => {
    for (let index = 0; index < 12; index += 1)
      await at.call('ssm:PutParameter', (o) =>
        at.ssm.putParameter({ Name: `/below/${index}/x`, Value: '1', Type: 'String' }, o),
      );
    return (await listParameters(at, '/below')).size === 12;
  },
  'each region has parameters of its own': async (at, other) => {
    await at.call('ssm:PutParameter', (o) => at.ssm.putParameter({ Name: '/here', Value: '1', Type: 'String' }, o));
    const { InvalidParameters = [] } = await other.call('ssm:GetParameters', (o) =>
      other.ssm.getParameters({ Names: ['/here'] }, o),
    );
    return InvalidParameters.length === 1;
  },
  'a quota nobody has asked to raise is told by its default': async (at) => {
    const quota = { ServiceCode: 'ec2', QuotaCode: 'L-0E3CBAB9' };
    const { Quota } = await at.call('servicequotas:GetAWSDefaultServiceQuota', (o) =>
      at.servicequotas.getAWSDefaultServiceQuota(quota, o),
    );
    return Quota?.Value === 5;
  },
};
