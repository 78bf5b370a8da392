import { createHash, createPrivateKey, sign } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Ceremony, INFRA } from './rig/ceremony.ts';
import { SHARED_STORE } from './rig/rig.ts';
import type { UpdateRig } from './rig/update-rig.ts';

/** What is refused of keys and roots, where there is a first root and what it signed. */
let ceremony: Ceremony;
let rig: UpdateRig;
let published: string;

beforeAll(async () => {
  ceremony = await Ceremony.create();
  ({ rig, published } = ceremony);
  await ceremony.publishFirst();
}, 600_000);

afterAll(() => ceremony[Symbol.asyncDispose]());

describe('what is refused', () => {
  test('a new key in the place of a file that is there', async () => {
    const before = readFileSync(ceremony.key('alice.pem'));
    expect(await rig.refusal('root', 'make-key', '--out', ceremony.key('alice.pem'))).toBe('1 tuf/key-there');
    expect(readFileSync(ceremony.key('alice.pem'))).toEqual(before);
    expect(statSync(ceremony.key('alice.pem')).mode & 0o777).toBe(0o600);
    expect(readFileSync(ceremony.key('bob.pem'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
  });

  test('a key that no root names', async () => {
    await rig.ok('root', 'rotate');
    await ceremony.makeKey('mallory', 'ed25519');
    expect(await rig.refusal('root', 'sign', '--key', 'file:keys/mallory.pem')).toBe('1 tuf/no-such-key');
  });

  test('a signature over other bytes', async () => {
    const alien = sign(null, Buffer.from('something else'), createPrivateKey(readFileSync(ceremony.key('online.pem'))));
    writeFileSync(join(rig.dir, 'alien.sig'), alien.toString('hex'));
    const [alice = ''] = ceremony.root('1.root.json').signed.roles['root']?.keyids ?? [];
    expect(
      await rig.refusal('root', 'import-signature', '--key-id', alice, '--signature', join(rig.dir, 'alien.sig')),
    ).toBe('1 tuf/bad-signature');
  });

  test('a wrong passphrase, and none where nobody can be asked', async () => {
    writeFileSync(ceremony.key('wrong.passphrase'), 'battery staple\n');
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
    const file = join(rig.dir, 'roles/acme/1.root.json');
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
    expect(readdirSync(join(rig.dir, 'roles/fetched'))).toEqual(['1.root.json']);
    await rig.rig.write({ 'Infra.yaml': INFRA });
  });
});

test('no private key, passphrase included, is in an output, a log, the list of processes or an environment', async () => {
  const secrets = ['alice.pem', 'bob.pem', 'online.pem', 'targets-1.pem'].map(
    (file) => readFileSync(ceremony.key(file), 'latin1').split('\n')[1] ?? '',
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
