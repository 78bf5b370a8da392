import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { AmiRig } from './rig/aws/ami-job.ts';
import { AwsEndpoint } from './rig/aws/endpoint.ts';
import type { Fate } from './rig/aws/endpoint.ts';
import { leftovers } from './rig/aws/leftovers.ts';
import { THREE_REGIONS } from './rig/aws/configs.ts';
import type { Call } from './rig/aws/world.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let rig: AmiRig;
/** What one run that nothing happens to leaves. */
let whole: unknown;

beforeAll(async () => {
  rig = await AmiRig.create();
  await using endpoint = await AwsEndpoint.start();
  await rig.run(endpoint, { stateDir: await rig.freshState(), config: THREE_REGIONS });
  whole = leftovers(endpoint.world);
});

afterAll(async () => await rig[Symbol.asyncDispose]());

/** Kills the run when it makes the `nth` call of an action, and runs it again. */
async function killAt(action: string, nth: number, fate: Fate): Promise<{ again: Call[]; left: unknown }> {
  await using endpoint = await AwsEndpoint.start();
  const stateDir = await rig.freshState();
  const killer = new AbortController();
  let seen = 0;
  endpoint.fate = (call) => {
    if (call.action !== action || (seen += 1) !== nth) return 'served';
    killer.abort();
    return fate;
  };
  expect(await rig.run(endpoint, { stateDir, config: THREE_REGIONS, kill: killer.signal })).toMatchObject({
    signal: 'SIGKILL',
  });
  const before = endpoint.calls.length;
  endpoint.fate = () => 'served';
  expect(await rig.run(endpoint, { stateDir, config: THREE_REGIONS })).toMatchObject({ status: 0 });
  expect(await rig.regions(stateDir)).toEqual(['ap-south-1', 'eu-north-1', 'eu-west-1']);
  return { again: endpoint.calls.slice(before), left: leftovers(endpoint.world) };
}

// Every call of a run is killed at in test/slow/ami-kill.test.ts; these are those that make something.
test.concurrent.each([
  ['ebs:StartSnapshot', 1],
  ['ebs:CompleteSnapshot', 1],
  ['ec2:RegisterImage', 1],
  ['ec2:CopyImage', 2],
  ['ec2:ModifySnapshotAttribute', 2],
] as const)(
  'killed when the answer to %s number %i was lost, the next run ends in the same state',
  async (action, nth) => {
    expect((await killAt(action, nth, 'lost')).left).toEqual(whole);
  },
);

test('what was acknowledged before the kill is not sent again', async () => {
  const { again, left } = await killAt('ebs:CompleteSnapshot', 2, 'dropped');
  expect(left).toEqual(whole);
  expect(again.map(({ action }) => action).filter((action) => /Start|Put/.test(action))).toEqual([]);
});

test('a completed snapshot whose answer was lost is waited for, however long it stays pending', async () => {
  await using endpoint = await AwsEndpoint.start();
  endpoint.world.polls = 3;
  let completions = 0;
  endpoint.fate = ({ action }) => (action === 'ebs:CompleteSnapshot' && (completions += 1) === 1 ? 'lost' : 'served');
  expect(await rig.run(endpoint, { stateDir: await rig.freshState(), config: THREE_REGIONS })).toMatchObject({
    status: 0,
  });
  expect([completions, leftovers(endpoint.world)]).toEqual([3, whole]);
});

test('throttled at every third call, broken at every seventh, unanswered at every fifth, it ends in the same state', async () => {
  await using endpoint = await AwsEndpoint.start();
  endpoint.fate = ({ number }) => {
    if (number % 7 === 0) return 'broken';
    if (number % 5 === 0) return 'lost';
    return number % 3 === 0 ? 'throttled' : 'served';
  };
  const stateDir = await rig.freshState();
  // Half of all tries fail: some calls want a dozen.
  const end = await rig.run(endpoint, { stateDir, config: THREE_REGIONS, patienceMs: 120_000 });
  expect(end).toMatchObject({ status: 0, stderr: '' });
  expect(leftovers(endpoint.world)).toEqual(whole);
});

test('a region that is lost half way costs that region only, and the next run brings it', async () => {
  await using endpoint = await AwsEndpoint.start();
  const stateDir = await rig.freshState();
  endpoint.fate = ({ region, action }) => (region === 'eu-west-1' && action === 'ec2:CopyImage' ? 'dropped' : 'served');
  const { status, stderr } = await rig.run(endpoint, { stateDir, config: THREE_REGIONS, patienceMs: 300 });
  expect(status).toBe(1);
  expect(stderr).toContain('Cannot call ec2:CopyImage in eu-west-1');
  expect(await rig.regions(stateDir)).toEqual(['ap-south-1', 'eu-north-1']);
  endpoint.fate = () => 'served';
  expect(await rig.run(endpoint, { stateDir, config: THREE_REGIONS })).toMatchObject({ status: 0 });
  expect(leftovers(endpoint.world)).toEqual(whole);
});

test('a run with nothing to do changes nothing', async () => {
  await using endpoint = await AwsEndpoint.start();
  const stateDir = await rig.freshState();
  await rig.run(endpoint, { stateDir, config: THREE_REGIONS });
  const before = endpoint.calls.length;
  expect(await rig.run(endpoint, { stateDir, config: THREE_REGIONS })).toMatchObject({ status: 0 });
  const actions = endpoint.calls.slice(before).map(({ action }) => action);
  expect(actions.filter((action) => !/Describe|Get|Assume/.test(action))).toEqual([]);
});
