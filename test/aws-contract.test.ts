/**
 * What the rig's own endpoint does is what AWS documents; other people's servers, asked the same questions over HTTP, tell where it could
 * be wrong. Where they answer otherwise is listed in the golden file, which is read in review.
 */
import { expect, test, vi } from 'vitest';

import { Regions } from '../tools/aws/region.ts';
import { formatTable } from '../tools/report/format.ts';
import { EBS_FACTS } from './rig/aws/contract/ebs.ts';
import { EC2_FACTS } from './rig/aws/contract/ec2.ts';
import { SSM_FACTS } from './rig/aws/contract/ssm.ts';
import { AwsEndpoint, credentials } from './rig/aws/endpoint.ts';
import { Peers } from './rig/peers.ts';

vi.setConfig({ testTimeout: 600_000 });

const FACTS = { ...EBS_FACTS, ...EC2_FACTS, ...SSM_FACTS };

/** Every fact, asked of the server at `url`. */
async function examine(url: string): Promise<Map<string, string>> {
  const before = { ...process.env };
  Object.assign(process.env, credentials(), { AWS_ENDPOINT_URL: url });
  try {
    const identity = {
      baseRegion: 'eu-north-1',
      profile: undefined,
      role: undefined,
      regionRoles: new Map<string, string>(),
    };
    const regions = new Regions({
      identity,
      signal: new AbortController().signal,
      patience: { attemptMs: 30_000, totalMs: 1 },
    });
    const [at, other] = [await regions.at('eu-north-1'), await regions.at('eu-west-1')];
    const answers = new Map<string, string>();
    for (const [fact, holds] of Object.entries(FACTS))
      answers.set(
        fact,
        await holds(at, other).then(
          (yes) => (yes ? 'yes' : 'no'),
          () => 'refuses',
        ),
      );
    return answers;
  } finally {
    process.env = before;
  }
}

test('the endpoint of the rig holds to every rule, and where others differ is written down', async () => {
  const peers = await Peers.create();
  await using own = await AwsEndpoint.start();
  const mine = await examine(own.url);
  expect([...mine].filter(([, answer]) => answer !== 'yes')).toEqual([]);
  await using moto = await peers.startMoto();
  const byMoto = await examine(moto.url);
  await using ministack = await peers.startMinistack();
  const byMinistack = await examine(ministack.url);
  const rows = Object.keys(FACTS).map((fact) => [fact, byMoto.get(fact) ?? '', byMinistack.get(fact) ?? '']);
  await expect(`${formatTable([['fact', 'moto', 'ministack'], ...rows])}\n`).toMatchFileSnapshot(
    'golden/aws-contract.txt',
  );
});
