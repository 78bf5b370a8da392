/** EC2 as far as images go, query protocol with XML, by the rules that its reference documents. */
import type { Handler } from './ec2-common.ts';
import { IMAGES } from './ec2-images.ts';
import { SNAPSHOTS } from './ec2-snapshots.ts';

const REGIONS = ['eu-north-1', 'eu-west-1', 'ap-south-1', 'us-east-1'];
/** There, but not opted in to. */
const CLOSED_REGION = 'af-south-1';

export const EC2: Readonly<Record<string, Handler>> = {
  DescribeRegions: () => ({
    regionInfo: [
      ...REGIONS.map((regionName) => ({ regionName, optInStatus: 'opt-in-not-required' })),
      { regionName: CLOSED_REGION, optInStatus: 'not-opted-in' },
    ],
  }),
  ...IMAGES,
  ...SNAPSHOTS,
};
