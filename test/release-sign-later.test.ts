import { existsSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { SignLater } from './rig/sign-later.ts';

/** A pipeline on a machine without the keys of targets. */
let team: SignLater;

beforeAll(async () => {
  team = await SignLater.create();
  await team.ceremony.rig.build({ version: '1.0.0' });
}, 600_000);

afterAll(() => team.ceremony[Symbol.asyncDispose]());

function release(): string[] {
  const { fleet, ceremony, folder } = team;
  const steps = ['--steps', 'repo,publish', '--to', `file:${ceremony.published}`];
  return ['release', ...fleet, ...steps, '--sign-later', folder];
}

test('a release stops where others have to sign, and says how it goes on', async () => {
  const { ceremony } = team;
  const said = await ceremony.rig.ok(...release());
  expect(said).toContain('root version 1 wants 2 of its targets keys: 0 signed');
  expect(said).toContain('repo sign --from <checkout>/media/request\nThen run this command again');
  expect(existsSync(ceremony.published)).toBe(false);
});

test('run again before they have, it publishes nothing', async () => {
  const { ceremony } = team;
  expect(await ceremony.rig.refusal(...release())).toBe('1 tuf/unsigned');
  expect(existsSync(ceremony.published)).toBe(false);
});

test('with their signatures it goes on, and makes nothing anew that they would have to sign again', async () => {
  const { ceremony, folder, fleet, base } = team;
  for (const name of ['alice', 'bob'] as const)
    await ceremony.rig.ok('repo', 'sign', folder, '--key', `file:${team.away(name)}`);
  expect(await ceremony.rig.ok('repo', 'sign', '--from', folder)).toContain('is signed: targets 1');
  expect(await ceremony.rig.ok(...release())).toMatch(/^repo\n {2}Done at .*\npublish\n/);
  await ceremony.rig.ok('repo', 'validate', ...fleet, ...base);
});
