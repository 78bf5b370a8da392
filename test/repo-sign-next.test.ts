import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Ceremony } from './rig/ceremony.ts';
import { pss, SignLater } from './rig/sign-later.ts';
import type { UpdateRig } from './rig/update-rig.ts';

/** What is published already, and changes while people sign what comes next. */
let team: SignLater;
let ceremony: Ceremony;
let rig: UpdateRig;

beforeAll(async () => {
  team = await SignLater.create();
  ({ ceremony } = team);
  ({ rig } = ceremony);
  await rig.build({ version: '1.0.0' });
  await rig.ok('repo', 'create', ...team.fleet, '--sign-later', team.folder);
  await signBoth();
  await rig.ok('repo', 'sign', '--from', team.folder);
  await publish();
}, 600_000);

afterAll(() => ceremony[Symbol.asyncDispose]());

async function publish(): Promise<void> {
  await rig.ok('repo', 'publish', '--to', `file:${ceremony.published}`);
}

/** Alice and bob sign what waits in a folder, with our own verb. */
function signBoth(folder = team.folder): Promise<string> {
  const keys = ['alice', 'bob'].map((name) => `file:${team.away(name)}`);
  return rig.ok('repo', 'sign', folder, '--key', ...keys);
}

/** Waits for the signatures of two. */
async function edit(waves: string): Promise<void> {
  const how = ['--version', '1.0.0', '--waves', waves, '--yes', '--sign-later', team.folder];
  await rig.ok('repo', 'set-waves', ...team.fleet, ...team.base, ...how);
}

function hasBegun(line: string): boolean {
  return line.includes('"type":"task-started"');
}

describe('the next release', () => {
  test('a key that has signed twice counts once; signatures come in hex and in base64 too', async () => {
    await edit('ohno');
    for (const out of ['targets.1.sig', 'targets.2.sig'])
      team.openssl('carol', { in: team.path('targets.tbs'), out, options: ['-digest', 'sha256'] });
    team.recode('targets.1.sig', 'hex');
    team.recode('targets.2.sig', 'base64');
    expect(await rig.ok('repo', 'sign', '--from', team.folder, ...team.base)).toContain(
      '2 of its targets keys: 1 signed',
    );
  });

  test('the timestamp that was refreshed while it waited is followed, and nobody has to sign again', async () => {
    await rig.ok('repo', 'refresh', ...team.fleet, ...team.base, '--keep', 'targets');
    await publish();
    expect(await signBoth()).toContain(`signed by ${team.id('bob').slice(0, 12)}`);
    await rig.ok('repo', 'sign', '--from', team.folder, ...team.base);
    await publish();
    await using server = await rig.serve(ceremony.published);
    const root = join(rig.dir, 'roles/acme/1.root.json');
    expect(await rig.pythonTuf(server.url, { root, names: ['manifest.json'], client: 'next' })).toMatchObject({
      versions: { root: 1 },
    });
  });

  test('targets that somebody published while it waited are never left out: it has to be made again', async () => {
    await rig.ok('repo', 'refresh', ...team.fleet, ...team.base, '--sign-later', team.stick('late'));
    await signBoth(team.stick('late'));
    await edit('slow-roll');
    await signBoth();
    await rig.ok('repo', 'sign', '--from', team.folder, ...team.base);
    await publish();
    expect(await rig.refusal('repo', 'sign', '--from', team.stick('late'), ...team.base)).toBe('1 tuf/stale-edition');
    rmSync(join(rig.dir, 'build/repos/acme'), { recursive: true });
    expect(await rig.refusal('repo', 'sign', '--from', team.stick('late'), ...team.base)).toBe('1 tuf/stale-request');
  });

  test('a signature that comes late, of a request that was written anew since, is told from the others', async () => {
    await edit('default');
    team.openssl('alice', { in: team.path('targets.tbs'), out: 'targets.alice.sig' });
    const late = readFileSync(team.path('targets.alice.sig'));
    rmSync(join(rig.dir, 'build/repos/acme'), { recursive: true });
    await edit('accelerated');
    expect(team.signatures()).toEqual([]);
    writeFileSync(team.path('targets.alice.sig'), late);
    team.openssl('bob', { in: team.path('targets.tbs'), out: 'targets.bob.sig', options: pss(32) });
    const { stderr } = await rig.make('repo', 'sign', '--from', team.folder, ...team.base);
    expect(stderr).toContain('targets.alice.sig": it is of none of the 3 keys');
    expect(stderr).not.toContain('targets.bob.sig"');
  });
});

describe('keys that are all elsewhere', () => {
  test('each role is asked for when what it stands for is signed, one after the other', async () => {
    await team.configure('{ timestamp: { file: { path: keys/online.pub.pem } } }');
    team.clear();
    await rig.ok('repo', 'refresh', ...team.fleet, ...team.base, '--sign-later', team.folder);
    const people = [['alice', 'carol'], ['online'], ['online']];
    for (const [index, role] of ['targets', 'snapshot', 'timestamp'].entries()) {
      expect(team.request()).toMatchObject({ role });
      const keys = (people[index] ?? []).map(
        (name) => `file:${name === 'online' ? ceremony.key('online.pem') : team.away(name)}`,
      );
      await rig.ok('repo', 'sign', team.folder, '--key', ...keys);
      const said = await rig.ok('repo', 'sign', '--from', team.folder, ...team.base);
      expect(said).toContain(role === 'timestamp' ? 'is signed: targets' : 'waits for signatures of');
    }
    await publish();
    expect(await rig.result('repo', 'validate', ...team.fleet, ...team.base)).toMatchObject({
      repositories: [{ findings: 0 }],
    });
    await team.configure();
  });
});

describe('several systems in one folder', () => {
  test('what is wrong with one keeps none of the others; a killed run is begun again', async () => {
    team.clear();
    const beside = ['repo', 'create', '--variant', 'metal-dev', '--sign-later', team.folder];
    await rig.build({ version: '1.1.0' });
    await rig.build({ version: '1.1.0', arch: 'aarch64' });
    const env = { XDG_CONFIG_HOME: join(rig.dir, '.config') };
    const killed = await rig.rig.makeWith({ env, killWhen: hasBegun }, '--json', ...beside, '--arch', 'aarch64');
    expect(killed.signal).toBe('SIGKILL');
    for (const arch of ['x86_64', 'aarch64']) await rig.ok(...beside, '--arch', arch);
    await signBoth();
    writeFileSync(team.path('targets.bad.sig'), 'no signature');
    const { status, stdout, stderr } = await rig.make('repo', 'sign', '--from', team.folder);
    expect(status).toBe(1);
    expect(stdout).toContain('metal-dev for aarch64 is signed');
    expect(stderr).toContain('x86_64/targets.bad.sig"');
    rmSync(team.path('targets.bad.sig'));
    const again = await rig.ok('repo', 'sign', '--from', team.folder);
    expect(again).toContain('metal-dev for aarch64 had all its signatures before');
    expect(again).toContain('metal-dev for x86_64 is signed');
  });
});
