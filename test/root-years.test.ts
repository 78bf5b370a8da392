import { createPrivateKey, sign } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Ceremony } from './rig/ceremony.ts';
import type { UpdateRig } from './rig/update-rig.ts';

/** What years of roots bring: a key of targets that was stolen and replaced, runs that were killed, roots that got lost. */
let ceremony: Ceremony;
let rig: UpdateRig;
let first: number;

beforeAll(async () => {
  ceremony = await Ceremony.create();
  ({ rig } = ceremony);
  await ceremony.publishFirst();
  first = targets();
}, 600_000);

afterAll(() => ceremony[Symbol.asyncDispose]());

function base(): string[] {
  return ['--variant', 'metal-dev', '--base', `file:${ceremony.published}`];
}

function roots(file: string): string {
  return join(rig.dir, 'roles', 'acme', file);
}

function targets(): number {
  const names = readdirSync(join(ceremony.published, 'metal-dev', 'x86_64'));
  return Math.max(...names.map((name) => Number(/^(\d+)\.targets\.json$/.exec(name)?.[1] ?? 0)));
}

describe('a root that is signed elsewhere', () => {
  test('a signature comes in base64 too; one that is not there is said not to be', async () => {
    const [, second = ''] = ceremony.root('1.root.json').signed.roles['targets']?.keyids ?? [];
    await ceremony.makeKey('targets-3', 'rsa');
    await rig.ok('root', 'rotate', '--replace', second, '--with', 'file:keys/targets-3.pub.pem');
    const [alice = ''] = ceremony.root('draft.root.json').signed.roles['root']?.keyids ?? [];
    const bytes = join(rig.dir, 'root.bytes');
    await rig.ok('root', 'export', '--out', bytes);
    const take = ['root', 'import-signature', '--key-id', alice, '--signature'];
    expect(await rig.refusal(...take, join(rig.dir, 'none.sig'))).toBe('1 tuf/bad-signature');
    const signature = sign(null, readFileSync(bytes), createPrivateKey(readFileSync(ceremony.key('alice.pem'))));
    writeFileSync(join(rig.dir, 'alice.sig'), `${signature.toString('base64')}\n`);
    expect(await rig.ok(...take, join(rig.dir, 'alice.sig'))).toContain('1 signed');
  });

  test('what a killed run has left of the draft of a root that is done does not stand in the way', async () => {
    copyFileSync(roots('draft.root.json'), join(rig.dir, 'draft'));
    await rig.ok('root', 'sign', '--key', 'file:keys/bob.pem?passphrase-file=keys/bob.passphrase');
    copyFileSync(join(rig.dir, 'draft'), roots('draft.root.json'));
    expect(await rig.ok('root', 'show')).not.toContain('in the making');
    await rig.ok('root', 'rotate');
    expect(ceremony.root('draft.root.json').signed.version).toBe(3);
    rmSync(roots('draft.root.json'));
  });
});

describe('keys that a root took away', () => {
  test('what they signed is taken over only by whoever says so, and then signed by those that are left', async () => {
    const infra = readFileSync(join(rig.dir, 'Infra.yaml'), 'utf8');
    await rig.rig.write({ 'Infra.yaml': infra.replace('keys/targets-2.pem', 'keys/targets-3.pem') });
    const { stderr } = await rig.make('repo', 'refresh', ...base());
    expect(stderr).toContain('[tuf/below-threshold]');
    expect(stderr).toContain('add --from-root 1');
    expect(await rig.refusal('repo', 'refresh', ...base(), '--from-root', '1', '--keep', 'targets')).toBe(
      '1 tuf/below-threshold',
    );
    await rig.ok('repo', 'refresh', ...base(), '--from-root', '1');
    await rig.ok('repo', 'publish', '--to', `file:${ceremony.published}`);
    expect(await rig.result('repo', 'validate', ...base())).toMatchObject({ repositories: [{ findings: 0 }] });
    await using server = await rig.serve(ceremony.published);
    expect(await rig.pythonTuf(server.url, { root: roots('1.root.json'), names: ['manifest.json'] })).toMatchObject({
      versions: { root: 2, targets: targets() },
    });
  });

  test('what they signed earlier is rolled back to only after that was said', async () => {
    const { stderr } = await rig.make('repo', 'rollback', '--to', String(first), ...base());
    expect(stderr).toContain('signed by keys of root version 1 that version 2 no longer names');
    const fresh = await rig.make('repo', 'rollback', '--to', String(targets()), ...base());
    expect(fresh.stderr).not.toContain('no longer names');
  });
});

describe('a checkout that begins with a later root', () => {
  test('finds out when an earlier one, which hosts walk from, is no root any more', async () => {
    rmSync(roots('1.root.json'));
    expect(await rig.result('repo', 'validate', ...base())).toMatchObject({ repositories: [{ findings: 0 }] });
    const file = join(ceremony.published, 'metal-dev', 'x86_64', '1.root.json');
    const bytes = readFileSync(file, 'utf8');
    writeFileSync(file, bytes.replace(/"expires": "2/, '"expires": "3'));
    expect(await rig.refusal('repo', 'validate', ...base())).toBe('2 tuf/below-threshold');
  });
});
