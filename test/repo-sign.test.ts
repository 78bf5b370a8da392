import { appendFileSync, copyFileSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Ceremony } from './rig/ceremony.ts';
import { pss, SignLater } from './rig/sign-later.ts';
import type { UpdateRig } from './rig/update-rig.ts';

/** The keys of targets are with three people, none of whom is where the repository is made; two have to sign. */
let team: SignLater;
let ceremony: Ceremony;
let rig: UpdateRig;

beforeAll(async () => {
  team = await SignLater.create();
  ({ ceremony } = team);
  ({ rig } = ceremony);
}, 600_000);

afterAll(() => ceremony[Symbol.asyncDispose]());

interface Bad {
  readonly who: string;
  readonly options: readonly string[];
  readonly finding: string;
  readonly over?: string;
}

async function publish(): Promise<void> {
  await rig.ok('repo', 'publish', '--to', `file:${ceremony.published}`);
}

function waiting(): string {
  return join(rig.dir, 'build/repos/acme/1.0.0-abcd1234/.waiting/metal-dev/x86_64.json');
}

describe('a release whose targets are signed elsewhere', () => {
  test('without a word about it, keys that are not here are an error that tells the way', async () => {
    await rig.build({ version: '1.0.0' });
    const { stderr } = await rig.make('repo', 'create', ...team.fleet);
    expect(stderr).toContain('keys/bob.pub.pem": expected a private key in PEM, got a public one  [tuf/not-a-key]');
    expect(stderr).toContain('add --sign-later <folder>');
    await team.configure('{ timestamp: { file: { path: keys/online.pem } } }');
    const unnamed = await rig.make('repo', 'create', ...team.fleet);
    expect(unnamed.stderr).toMatch(
      /root version 1 wants 2 of its keys .* and 0 of them can be used here {2}\[tuf\/no-key\]/,
    );
    expect(unnamed.stderr).toContain('add --sign-later <folder>');
    await team.configure();
  });

  test('the exact bytes of the role are written, with whose signatures they want', async () => {
    const said = await rig.ok('repo', 'create', ...team.fleet, '--sign-later', team.folder);
    expect(said).toContain('root version 1 wants 2 of its targets keys: 0 signed');
    expect(said).toContain(team.sha256('targets.tbs'));
    expect(team.request()).toMatchObject({ role: 'targets', threshold: 2, repository: 'acme' });
    expect(team.request().keys.map(({ key: { keytype } }) => keytype)).toEqual(['ed25519', 'rsa', 'ecdsa']);
  });

  test('until then nothing is published, and it is made again only where told so', async () => {
    expect(await rig.refusal('repo', 'publish', '--to', `file:${ceremony.published}`)).toBe('1 tuf/unsigned');
    expect(await rig.refusal('repo', 'create', ...team.fleet, '--sign-later', team.folder)).toBe('1 tuf/exists');
    expect(await rig.ok('clean')).toContain('it waits for signatures');
    expect(existsSync(ceremony.published)).toBe(false);
  });

  test('what would be signed is told from the bytes, before any key is opened', async () => {
    const said = await rig.ok('repo', 'sign', team.folder, '--plan');
    expect(said).toContain('slipway-metal-dev-x86_64-1.0.0-abcd1234-root.erofs.lz4');
    expect(said).toMatch(/ {2}offers 1\.0\.0, from \S+ to \S+; hosts go no further than 1\.0\.0\n/);
    expect(said).toContain('Nothing was signed.');
    expect(team.signatures()).toEqual([]);
  });

  test('bytes that are not the role, or not what the request says, are not signed', async () => {
    const file = team.path('targets.tbs');
    const bytes = readFileSync(file);
    writeFileSync(file, Buffer.concat([bytes, Buffer.from(' ')]));
    const key = `file:${team.away('alice')}`;
    expect(await rig.refusal('repo', 'sign', team.folder, '--key', key)).toBe('1 tuf/changed-request');
    team.rewriteRequest({ sha256: team.sha256('targets.tbs') });
    expect(await rig.refusal('repo', 'sign', team.folder, '--key', key)).toBe('1 tuf/changed-request');
    writeFileSync(file, bytes.toString().replace('-root.erofs.lz4"', '-root.erofs.lz4\u009b1A"'));
    team.rewriteRequest({ sha256: team.sha256('targets.tbs') });
    expect(await rig.refusal('repo', 'sign', team.folder, '--plan')).toBe('1 tuf/changed-request');
    await rig.ok('repo', 'waiting', '--sign-later', team.folder);
    appendFileSync(team.path('manifest.json'), ' ');
    expect(await rig.refusal('repo', 'sign', team.folder, '--key', key)).toBe('1 tuf/changed-request');
    expect(team.signatures()).toEqual([]);
    await rig.ok('repo', 'waiting', '--sign-later', team.folder);
    expect(readFileSync(file)).toEqual(bytes);
  });

  test('nor does a key sign that nobody wants to', async () => {
    expect(await rig.refusal('repo', 'sign', team.folder, '--key', 'file:keys/online.pem')).toBe('1 tuf/no-such-key');
  });

  test('one of two, by openssl on a machine with nothing of ours: it is kept, and the other is waited for', async () => {
    cpSync(team.folder, team.stick('alice'), { recursive: true });
    team.openssl('alice', { in: team.path('targets.tbs', team.stick('alice')), out: 'targets.alice.sig' });
    const said = await rig.ok('repo', 'sign', '--from', team.stick('alice'));
    expect(said).toContain('root version 1 wants 2 of its targets keys: 1 signed');
    expect(await rig.result('repo', 'waiting')).toMatchObject({
      waiting: [{ role: 'targets', lacking: { threshold: 2, signed: [team.id('alice')] } }],
    });
    expect(await rig.ok('repo', 'sign', '--from', team.stick('alice'))).toContain('1 signed');
  });

  test.each([
    ['over other bytes', { who: 'bob', options: pss(32), finding: 'or over other bytes than these', over: 'other' }],
    ['of a key that the root does not name', { who: 'mallory', options: pss(32), finding: 'is of none of the 3 keys' }],
    [
      'with the salt that openssl takes unasked',
      { who: 'bob', options: pss('max'), finding: 'with a salt of another length' },
    ],
    ['padded as PKCS #1 1.5 has it', { who: 'bob', options: ['-digest', 'sha256'], finding: 'padded as PKCS #1 1.5' }],
  ])(
    'a signature %s is refused, with its file and why',
    async (_, { who, options, finding, over = 'targets.tbs' }: Bad) => {
      writeFileSync(team.path('other'), 'other bytes');
      team.openssl(who, { in: team.path(over), out: 'targets.bad.sig', options });
      const { status, stderr } = await rig.make('repo', 'sign', '--from', team.folder);
      expect(status).toBe(1);
      expect(stderr).toContain(`${team.relative('targets.bad.sig')}": `);
      expect(stderr).toContain(finding);
      rmSync(team.path('targets.bad.sig'));
    },
  );

  test('with the second the repository is done: what lies over the targets is signed by the keys that are here', async () => {
    team.openssl('bob', { in: team.path('targets.tbs'), out: 'targets.bob.sig', options: pss(32) });
    copyFileSync(waiting(), join(rig.dir, 'waiting'));
    expect(await rig.ok('repo', 'sign', '--from', team.folder)).toContain('is signed: targets');
    expect(await rig.ok('repo', 'waiting')).toContain('Nothing waits for signatures');
    await publish();
    await using server = await rig.serve(ceremony.published);
    const root = join(rig.dir, 'roles/acme/1.root.json');
    expect(await rig.pythonTuf(server.url, { root, names: ['manifest.json'] })).toMatchObject({
      versions: { root: 1 },
    });
    expect(await rig.result('repo', 'validate', ...team.fleet, ...team.base)).toMatchObject({
      repositories: [{ findings: 0 }],
    });
  });

  test('the same signatures once more change nothing; a run that was killed just before its end is ended', async () => {
    expect(await rig.ok('repo', 'sign', '--from', team.folder)).toContain('had all its signatures before');
    copyFileSync(join(rig.dir, 'waiting'), waiting());
    expect(await rig.refusal('repo', 'publish', '--to', `file:${ceremony.published}`)).toBe('1 tuf/unsigned');
    expect(await rig.ok('repo', 'sign', '--from', team.folder)).toContain('is signed: targets');
    expect(existsSync(waiting())).toBe(false);
  });

  test('no private key is in what was handed around or written', () => {
    const secrets = ['alice', 'bob', 'carol'].map(
      (name) => readFileSync(team.away(name), 'latin1').split('\n')[1] ?? '',
    );
    expect(secrets.every((secret) => secret.length > 60)).toBe(true);
    for (const dir of ['media', 'build', 'published']) expect(rig.filesWith(secrets, join(rig.dir, dir))).toEqual([]);
  });
});
