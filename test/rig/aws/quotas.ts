/** Service Quotas, JSON 1.1, by the rules that its reference documents. */
import { z } from 'zod';

import { ApiError } from './wire.ts';
import type { Caller, World } from './world.ts';

/** What AWS gives to everybody. */
const DEFAULTS: ReadonlyMap<string, number> = new Map([
  ['ec2/L-B665C33B', 50_000],
  ['ec2/L-0E3CBAB9', 5],
  ['ec2/L-70015FFA', 1000],
  ['ebs/L-309BACF6', 100_000],
  ['ebs/L-94D7AB7D', 100],
]);

const querySchema = z.object({ ServiceCode: z.string(), QuotaCode: z.string() });

export const QUOTAS: Readonly<Record<string, (world: World, caller: Caller, request: unknown) => object>> = {
  /** Only values that were asked for. */
  GetServiceQuota: (world, { region }, request) => {
    const { ServiceCode, QuotaCode } = querySchema.parse(request);
    return answer(world.quotas.get(`${region}/${ServiceCode}/${QuotaCode}`), request);
  },
  GetAWSDefaultServiceQuota: (world, { region }, request) => {
    const { ServiceCode, QuotaCode } = querySchema.parse(request);
    const known = world.withoutQuotas.has(region) ? undefined : DEFAULTS.get(`${ServiceCode}/${QuotaCode}`);
    return answer(known, request);
  },
};

function answer(value: number | undefined, request: unknown): object {
  if (value === undefined) throw new ApiError('NoSuchResourceException', 'The quota does not exist');
  return { Quota: { ...querySchema.parse(request), Value: value } };
}
