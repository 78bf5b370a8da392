import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { Ceremony } from './rig/ceremony.ts';
import type { UpdateRig } from './rig/update-rig.ts';

/** A repository with keys of several people and kinds, from its first root to its third. */
let ceremony: Ceremony;
let rig: UpdateRig;
let published: string;

beforeAll(async () => {
  ceremony = await Ceremony.create();
  ({ rig, published } = ceremony);
}, 600_000);

afterAll(() => ceremony[Symbol.asyncDispose]());

describe('the first root', () => {
  test('is begun without keys, and cannot be done before each role has enough', async () => {
    await rig.ok('root', 'init', '--expires', '30 weeks');
    expect(await rig.refusal('root', 'sign')).toBe('1 tuf/no-such-key');
    await ceremony.addKey('alice', 'root');
    await ceremony.addKey('bob', 'root');
    await ceremony.addKey('targets-1', 'targets');
    await ceremony.addKey('targets-2', 'targets');
    await rig.ok('root', 'set-threshold', '--role', 'root', '--threshold', '2');
    await rig.ok('root', 'set-threshold', '--role', 'targets', '--threshold', '2');
    expect(await rig.refusal('root', 'sign', '--key', 'file:keys/alice.pem')).toContain('1 tuf/unreachable-threshold');
    await ceremony.addKey('online', 'snapshot', 'timestamp');
  });

  test('one signature of two leaves it in the making, and says whose is lacking', async () => {
    const said = await rig.ok('root', 'sign', '--key', 'file:keys/alice.pem');
    expect(said).toContain('root version 1 wants 2 of its root keys: 1 signed, ');
    expect(readdirSync(join(rig.dir, 'roles/acme'))).toEqual(['draft.root.json']);
  });

  test('a signature is made elsewhere, over the exact bytes that were exported', async () => {
    const out = join(rig.dir, 'root.bytes');
    await rig.ok('root', 'export', '--out', out);
    const openssl = [
      'pkeyutl',
      '-sign',
      '-rawin',
      '-inkey',
      ceremony.key('bob.pem'),
      '-passin',
      `file:${ceremony.key('bob.passphrase')}`,
      '-in',
      out,
      '-digest',
      'sha256',
    ];
    const padding = [
      '-pkeyopt',
      'rsa_padding_mode:pss',
      '-pkeyopt',
      'rsa_pss_saltlen:32',
      '-pkeyopt',
      'rsa_mgf1_md:sha256',
    ];
    const [program = '', ...loader] = rig.peers.program('usr/bin/openssl');
    writeFileSync(join(rig.dir, 'root.sig'), execFileSync(program, [...loader, ...openssl, ...padding]));
    const bob = ceremony.root('draft.root.json').signed.roles['root']?.keyids[1] ?? '';
    await rig.ok('root', 'import-signature', '--key-id', bob.slice(0, 10), '--signature', join(rig.dir, 'root.sig'));
    expect(ceremony.root('1.root.json')).toMatchObject({ signed: { version: 1 } });
    expect(ceremony.root('1.root.json').signatures.map(({ keyid }) => keyid)).toContain(bob);
    expect(readdirSync(join(rig.dir, 'roles/acme'))).toEqual(['1.root.json']);
  });

  test('a repository is signed by the keys of each role, and python-tuf reads it', async () => {
    await rig.build({ version: '1.0.0' });
    await rig.ok('repo', 'create', '--variant', 'metal-dev');
    await rig.ok('repo', 'publish', '--to', `file:${published}`);
    await using server = await rig.serve(published);
    const file = join(rig.dir, 'roles/acme/1.root.json');
    expect(await rig.pythonTuf(server.url, { root: file, names: ['manifest.json'] })).toMatchObject({
      versions: { root: 1 },
    });
  });
});

describe('rotation', () => {
  test('a key is replaced, the threshold rises: the old keys and the new sign both', async () => {
    const alice = ceremony.root('1.root.json').signed.roles['root']?.keyids[0] ?? '';
    const said = await rig.ok('root', 'rotate', '--replace', alice.slice(0, 8), '--with', 'file:keys/carol.pub.pem');
    expect(said).toContain('root version 1 wants 2 of its root keys: 0 signed');
    expect(said).toContain('root version 2 wants 2 of its root keys: 0 signed');
    expect(await rig.ok('root', 'sign')).toContain('root version 2 wants 2 of its root keys: 1 signed');
    await rig.ok('root', 'sign', '--key', 'file:keys/carol.pem');
    expect(ceremony.root('2.root.json').signatures).toHaveLength(3);
  });

  test('a third root, without one of the keys for targets and with a threshold of one', async () => {
    await rig.ok('root', 'rotate');
    const [, second = ''] = ceremony.root('2.root.json').signed.roles['targets']?.keyids ?? [];
    await rig.ok('root', 'remove-key', '--key-id', second);
    await rig.ok('root', 'set-threshold', '--role', 'targets', '--threshold', '1');
    await rig.ok('root', 'expire', '--expires', '40 weeks');
    await rig.ok(
      'root',
      'sign',
      '--key',
      'file:keys/carol.pem',
      'file:keys/bob.pem?passphrase-file=keys/bob.passphrase',
    );
    expect(Object.keys(ceremony.root('3.root.json').signed.keys)).not.toContain(second);
  });

  test('a refresh brings both roots to hosts, and a client of the first root follows from 1 to 3', async () => {
    await rig.ok('repo', 'refresh', '--variant', 'metal-dev', '--base', `file:${published}`);
    await rig.ok('repo', 'publish', '--to', `file:${published}`);
    await using server = await rig.serve(published);
    const file = join(rig.dir, 'roles/acme/1.root.json');
    expect(await rig.pythonTuf(server.url, { root: file, names: ['manifest.json'] })).toMatchObject({
      versions: { root: 3 },
    });
    expect(await rig.result('repo', 'validate', '--variant', 'metal-dev', '--base', `file:${published}`)).toMatchObject(
      { repositories: [{ findings: 0 }] },
    );
    await rig.ok('repo', 'download', '--variant', 'metal-dev', '--base', server.url);
  });
});

function where(): string[] {
  return ['--variant', 'metal-dev', '--base', `file:${published}`];
}

/** The newest files of these roles. */
function versions(): { targets: string | undefined; snapshot: string | undefined } {
  const names = readdirSync(join(published, 'metal-dev', 'x86_64')).toSorted();
  const latest = (role: string): string | undefined => names.findLast((name) => name.endsWith(`.${role}.json`));
  return { targets: latest('targets'), snapshot: latest('snapshot') };
}

describe('keys of targets that are not at hand', () => {
  beforeAll(() => renameSync(ceremony.key('targets-1.pem'), ceremony.key('targets-1.away')));
  afterAll(() => renameSync(ceremony.key('targets-1.away'), ceremony.key('targets-1.pem')));

  test('are wanted by a refresh, unless it keeps what they signed', async () => {
    const before = versions();
    expect(await rig.refusal('repo', 'refresh', ...where())).toBe('1 tuf/no-such-key');
    await rig.ok('repo', 'refresh', ...where(), '--keep', 'targets');
    await rig.ok('repo', 'publish', '--to', `file:${published}`);
    expect(versions().targets).toBe(before.targets);
    expect(versions().snapshot).not.toBe(before.snapshot);
    expect(await rig.result('repo', 'validate', ...where())).toMatchObject({ repositories: [{ findings: 0 }] });
  });

  test('nor those of the snapshot, where the timestamp alone is signed; it ends no later than what it stands for', async () => {
    const before = versions();
    await rig.rig.write({
      'long.yaml': 'targets-expiration: 9 weeks\nsnapshot-expiration: 9 weeks\ntimestamp-expiration: 9 weeks\n',
    });
    await rig.ok('repo', 'refresh', ...where(), '--keep', 'snapshot', '--expiration', join(rig.dir, 'long.yaml'));
    await rig.ok('repo', 'publish', '--to', `file:${published}`);
    expect(versions()).toEqual(before);
    expect(await rig.result('repo', 'validate', ...where())).toMatchObject({ repositories: [{ findings: 0 }] });
    const { roles } = await rig.result('repo', 'check-expirations', ...where());
    const ends = z.array(z.object({ role: z.string(), expires: z.string() })).parse(roles);
    const end = (wanted: string): string | undefined => ends.find(({ role }) => role === wanted)?.expires;
    expect(end('timestamp')).toBe(end('targets'));
  });
});
