import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { KEY_ACTIONS, POLICIES } from '../tools/aws/policies.ts';
import type { PublishVerb } from '../tools/aws/policies.ts';
import { ACCOUNT } from './rig/aws/endpoint.ts';
import { Disks, INFRA, PublishRig } from './rig/aws/publish-rig.ts';
import { CHECKOUT } from './rig/rig.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let disks: Disks;

beforeAll(async () => {
  disks = await Disks.create();
});

afterAll(async () => await disks[Symbol.asyncDispose]());

/** A day of a release: every verb, with what it is called with. */
const DAY: readonly (readonly [PublishVerb, ...string[]])[] = [
  ['ami plan'],
  ['ami create'],
  ['ami plan'],
  ['ami grant', '--accounts', '444444444444'],
  ['ami revoke', '--accounts', '444444444444'],
  ['ami public'],
  ['ami validate'],
  ['ssm plan'],
  ['ssm set'],
  ['ssm promote', '--target', 'latest', '--allow-clobber'],
  ['ssm diff'],
  ['ssm validate', '--check-unexpected'],
  ['ssm undo'],
  ['ami private'],
  ['ami deprecate', '--in', '90d'],
  ['ami deprecate', '--undo'],
  ['ami gc', '--older-than', '0d', '--remove'],
  ['ami delete', '--yes'],
];

test('each verb works with its policy and calls every action of it, no more', async () => {
  const infra = `${INFRA.replace('/acme/os', '/aws/service/acme')}  sharing: { accounts: ["333333333333"] }\n`;
  await using rig = await PublishRig.create(disks, infra);
  const { endpoint } = rig;
  // One that is overwritten and put back; the others are new.
  const old = `${ACCOUNT}:eu-north-1:/aws/service/acme/aws-dev/x86_64/latest/image_version`;
  endpoint.world.parameters.set(old, { value: '1.0.0', version: 1 });
  const called = new Map<PublishVerb, Set<string>>();
  for (const [verb, ...flags] of DAY) {
    if (verb === 'ami gc') {
      const [snapshot] = endpoint.world.snapshots.values();
      // What a killed run left.
      if (snapshot !== undefined)
        endpoint.world.snapshots.set('snap-lost', { ...snapshot, id: 'snap-lost', state: 'error' });
    }
    endpoint.policy = new Set(POLICIES[verb]);
    const before = endpoint.calls.length;
    await rig.ok(...verb.split(' '), ...flags);
    const actions = endpoint.calls.slice(before).map(({ action }) => action);
    called.set(verb, new Set([...(called.get(verb) ?? []), ...actions.filter((action) => !action.startsWith('sts:'))]));
  }
  for (const [verb, actions] of called) {
    // Tags are asked for in the call that makes what they are on.
    const implied: readonly string[] = verb === 'ami create' ? ['ec2:CreateTags'] : [];
    const unused = POLICIES[verb].filter((action) => !actions.has(action) && !implied.includes(action));
    expect([verb, unused]).toEqual([verb, []]);
  }
  expect(endpoint.world.parameters.get(old)?.value).toBe('1.0.0');
  expect([...called.keys()].toSorted()).toEqual(Object.keys(POLICIES).toSorted());
});

test('docs/ami.md prints the policy of each verb as the code has it', () => {
  const text = readFileSync(join(CHECKOUT, 'docs/ami.md'), 'utf8');
  for (const [verb, actions] of Object.entries(POLICIES)) {
    const [, row = ''] = new RegExp(`^\\| \`${verb}\` \\| (.*) \\|$`, 'm').exec(text) ?? [];
    expect([verb, row.match(/[a-z0-9]+:\w+/g)?.toSorted()]).toEqual([verb, [...actions].toSorted()]);
  }
  for (const action of KEY_ACTIONS) expect(text).toContain(`\`${action}\``);
});
