import { beforeAll, expect, test } from 'vitest';

import { Peers } from './rig/peers.ts';

let peers: Peers;

beforeAll(async () => {
  peers = await Peers.create();
}, 600_000);

test('the peers bring python-tuf, SoftHSM and a PKCS#11 tool', async () => {
  expect(await peers.run(['python3', '-c', 'import tuf; print(tuf.__version__)'], { python: 'pinned' })).toEqual({
    status: 0,
    output: '7.0.1',
  });
  expect((await peers.run(['softhsm2-util', '--version'])).output).toMatch(/^2\./);
});

test('ministack and moto answer on loopback ports of their own', async () => {
  await using ministack = await peers.startMinistack();
  await using moto = await peers.startMoto();
  expect(ministack.url).not.toBe(moto.url);
  const buckets = await fetch(ministack.url, {
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request' },
  });
  expect(await buckets.text()).toContain('ListAllMyBucketsResult');
});
