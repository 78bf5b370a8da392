import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { SHARED_STORE } from './rig/rig.ts';
import { UpdateRig } from './rig/update-rig.ts';

/** A repository with keys of several people and kinds, from its first root to its third. */
let rig: UpdateRig;
let published: string;

const INFRA = `repo:
  acme:
    signing-keys:
      targets: [{ file: { path: keys/targets-1.pem } }, { file: { path: keys/targets-2.pem } }]
      snapshot: { file: { path: keys/online.pem } }
      timestamp: { file: { path: keys/online.pem } }
    root-keys: [{ file: { path: keys/alice.pem } }, { file: { path: keys/bob.pem, passphrase-file: keys/bob.passphrase } }]
`;

beforeAll(async () => {
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  await rig.rig.write({ 'Infra.yaml': INFRA, 'keys/bob.passphrase': 'correct horse\n' });
  await makeKey('alice', 'ed25519');
  await makeKey('bob', 'rsa', '--passphrase-file', key('bob.passphrase'));
  await makeKey('carol', 'p256');
  await makeKey('targets-1', 'rsa');
  await makeKey('targets-2', 'p256');
  await makeKey('online', 'ed25519');
}, 600_000);

afterAll(() => rig[Symbol.asyncDispose]());

/** `<name>.pem` and `<name>.pub.pem` below keys/. */
async function makeKey(name: string, type: 'rsa' | 'ed25519' | 'p256', ...flags: readonly string[]): Promise<void> {
  await rig.ok('root', 'make-key', '--out', key(`${name}.pem`), '--type', type, ...flags);
}

function key(file: string): string {
  return join(rig.dir, 'keys', file);
}

const rootSchema = z.object({
  signed: z.object({
    version: z.number(),
    keys: z.record(z.string(), z.object({ keytype: z.string() })),
    roles: z.record(z.string(), z.object({ threshold: z.number(), keyids: z.array(z.string()) })),
  }),
  signatures: z.array(z.object({ keyid: z.string() })),
});

function root(file: string): z.output<typeof rootSchema> {
  return rootSchema.parse(JSON.parse(readFileSync(join(rig.dir, 'roles', 'acme', file), 'utf8')));
}

async function addKey(name: string, ...roles: readonly string[]): Promise<void> {
  await rig.ok('root', 'add-key', '--key', `file:keys/${name}.pub.pem`, '--role', ...roles);
}

describe('the first root', () => {
  test('is begun without keys, and cannot be done before each role has enough', async () => {
    await rig.ok('root', 'init', '--expires', '30 weeks');
    expect(await rig.refusal('root', 'sign')).toBe('1 tuf/no-such-key');
    await addKey('alice', 'root');
    await addKey('bob', 'root');
    await addKey('targets-1', 'targets');
    await addKey('targets-2', 'targets');
    await rig.ok('root', 'set-threshold', '--role', 'root', '--threshold', '2');
    await rig.ok('root', 'set-threshold', '--role', 'targets', '--threshold', '2');
    expect(await rig.refusal('root', 'sign', '--key', 'file:keys/alice.pem')).toContain('1 tuf/unreachable-threshold');
    await addKey('online', 'snapshot', 'timestamp');
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
      key('bob.pem'),
      '-passin',
      `file:${key('bob.passphrase')}`,
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
    const bob = root('draft.root.json').signed.roles['root']?.keyids[1] ?? '';
    await rig.ok('root', 'import-signature', '--key-id', bob.slice(0, 10), '--signature', join(rig.dir, 'root.sig'));
    expect(root('1.root.json')).toMatchObject({ signed: { version: 1 } });
    expect(root('1.root.json').signatures.map(({ keyid }) => keyid)).toContain(bob);
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
    const alice = root('1.root.json').signed.roles['root']?.keyids[0] ?? '';
    const said = await rig.ok('root', 'rotate', '--replace', alice.slice(0, 8), '--with', 'file:keys/carol.pub.pem');
    expect(said).toContain('root version 1 wants 2 of its root keys: 0 signed');
    expect(said).toContain('root version 2 wants 2 of its root keys: 0 signed');
    expect(await rig.ok('root', 'sign')).toContain('root version 2 wants 2 of its root keys: 1 signed');
    await rig.ok('root', 'sign', '--key', 'file:keys/carol.pem');
    expect(root('2.root.json').signatures).toHaveLength(3);
  });

  test('a third root, without one of the keys for targets and with a threshold of one', async () => {
    await rig.ok('root', 'rotate');
    const [, second = ''] = root('2.root.json').signed.roles['targets']?.keyids ?? [];
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
    expect(Object.keys(root('3.root.json').signed.keys)).not.toContain(second);
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
  beforeAll(() => renameSync(key('targets-1.pem'), key('targets-1.away')));
  afterAll(() => renameSync(key('targets-1.away'), key('targets-1.pem')));

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

describe('what is refused', () => {
  test('a new key in the place of a file that is there', async () => {
    const before = readFileSync(key('alice.pem'));
    expect(await rig.refusal('root', 'make-key', '--out', key('alice.pem'))).toBe('1 tuf/key-there');
    expect(readFileSync(key('alice.pem'))).toEqual(before);
    expect(statSync(key('alice.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(key('bob.pem'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
  });

  test('a key that no root names', async () => {
    await rig.ok('root', 'rotate');
    await makeKey('mallory', 'ed25519');
    expect(await rig.refusal('root', 'sign', '--key', 'file:keys/mallory.pem')).toBe('1 tuf/no-such-key');
  });

  test('a signature over other bytes', async () => {
    const alien = sign(null, Buffer.from('something else'), createPrivateKey(readFileSync(key('online.pem'))));
    writeFileSync(join(rig.dir, 'alien.sig'), alien.toString('hex'));
    const [carol = ''] = root('3.root.json').signed.roles['root']?.keyids.slice(-1) ?? [];
    expect(
      await rig.refusal('root', 'import-signature', '--key-id', carol, '--signature', join(rig.dir, 'alien.sig')),
    ).toBe('1 tuf/bad-signature');
  });

  test('a wrong passphrase, and none where nobody can be asked', async () => {
    writeFileSync(key('wrong.passphrase'), 'battery staple\n');
    expect(await rig.refusal('root', 'sign', '--key', 'file:keys/bob.pem?passphrase-file=keys/wrong.passphrase')).toBe(
      '1 tuf/locked-key',
    );
    expect(await rig.refusal('root', 'sign', '--key', 'file:keys/bob.pem')).toBe('1 tuf/locked-key');
  });

  test('a repository whose keys do not reach the threshold of its root', async () => {
    await rig.rig.write({ 'Infra.yaml': INFRA.replaceAll('keys/online.pem', 'keys/mallory.pem') });
    expect(await rig.refusal('repo', 'refresh', '--variant', 'metal-dev', '--base', `file:${published}`)).toBe(
      '1 tuf/no-key',
    );
    await rig.rig.write({ 'Infra.yaml': INFRA });
  });

  test('a repository that Infra.yaml does not name', async () => {
    expect(await rig.refusal('repo', 'validate', '--repo', 'acne', '--variant', 'metal-dev')).toBe(
      '1 config/unknown-repo',
    );
  });
});

describe('a root that others made', () => {
  test('is fetched once, and only if it is the one whose digest stands in Infra.yaml', async () => {
    const file = join(rig.dir, 'roles/acme/3.root.json');
    const sha512 = createHash('sha512').update(readFileSync(file)).digest('hex');
    const infra = (digest: string): string =>
      `${INFRA}    root-roles: roles/fetched\n    root-role-url: "${pathToFileURL(file).href}"\n    root-role-sha512: "${digest}"\n`;
    await rig.rig.write({ 'Infra.yaml': infra('00'.repeat(64)) });
    expect(await rig.refusal('repo', 'validate', '--variant', 'metal-dev', '--base', `file:${published}`)).toBe(
      '1 tuf/wrong-digest',
    );
    await rig.rig.write({ 'Infra.yaml': infra(sha512) });
    expect(await rig.result('repo', 'validate', '--variant', 'metal-dev', '--base', `file:${published}`)).toMatchObject(
      { repositories: [{ findings: 0 }] },
    );
    expect(readdirSync(join(rig.dir, 'roles/fetched'))).toEqual(['3.root.json']);
    await rig.rig.write({ 'Infra.yaml': INFRA });
  });
});

test('no private key, passphrase included, is in an output, a log, the list of processes or an environment', async () => {
  const secrets = ['alice.pem', 'bob.pem', 'online.pem', 'targets-1.pem'].map(
    (file) => readFileSync(key(file), 'latin1').split('\n')[1] ?? '',
  );
  const wanted = [...secrets, 'correct horse'];
  const run = rig.rig.makeWith(
    { env: { XDG_CONFIG_HOME: join(rig.dir, '.config') } },
    '--json',
    'repo',
    'create',
    '--variant',
    'metal-dev',
    '--replace',
  );
  const seen = new Set<string>();
  const watch = setInterval(() => processTexts().forEach((text) => seen.add(text)), 20);
  const { status, stdout, stderr } = await run.finally(() => clearInterval(watch));
  expect({ status, seen: seen.size > 0 }).toEqual({ status: 0, seen: true });
  const texts = [stdout, stderr, ...seen];
  expect(wanted.filter((secret) => texts.some((text) => text.includes(secret)))).toEqual([]);
  const places = [join(rig.dir, 'build'), join(SHARED_STORE, 'logs'), join(SHARED_STORE, 'results')];
  expect(places.flatMap((dir) => rig.filesWith(wanted, dir))).toEqual([]);
});

/** Command lines and environments of all processes that may be looked at. */
function processTexts(): readonly string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.flatMap((pid) =>
    ['cmdline', 'environ'].map((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'latin1');
      } catch {
        return '';
      }
    }),
  );
}
