import type { AmiJob } from './ami-child.ts';

/** Three regions, one of them another account's, shared with a third account. */
export const THREE_REGIONS: AmiJob['config'] = {
  regions: ['eu-north-1', 'eu-west-1', 'ap-south-1'],
  region: { 'ap-south-1': { role: 'arn:aws:iam::222222222222:role/publisher' } },
  tags: { team: 'os' },
  sharing: { accounts: ['333333333333'] },
};
