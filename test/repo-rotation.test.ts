import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

import { UpdateRig } from './rig/update-rig.ts';

/** Keys of the roles that sign every day are replaced: what is published under an older root goes on under a newer one. */
let rig: UpdateRig;
let published: string;

const rootSchema = z.object({ signed: z.object({ keys: z.record(z.string(), z.unknown()) }) });
const fleet = ['--variant', 'metal-dev'];
const ROLES = ['root', 'targets', 'snapshot', 'timestamp'];

beforeAll(async () => {
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  await rig.rig.write({ 'Infra.yaml': infra('first') });
  for (const name of ['first', 'second'])
    await rig.ok('root', 'make-key', '--out', join(rig.dir, 'keys', `${name}.pem`));
  await rig.ok('root', 'init');
  await rig.ok('root', 'add-key', '--key', 'file:keys/first.pub.pem', '--role', ...ROLES);
  await rig.ok('root', 'sign', '--key', 'file:keys/first.pem');
  await rig.build({ version: '1.0.0' });
  await rig.ok('repo', 'create', ...fleet);
  await rig.ok('repo', 'publish', '--to', `file:${published}`);
});

afterAll(async () => await rig[Symbol.asyncDispose]());

function infra(key: string): string {
  const keys = `{ file: { path: keys/${key}.pem } }`;
  return `repo:\n  ours:\n    signing-keys: ${keys}\n    root-keys: ${keys}\n`;
}

test('a root that replaces every key, and is not published yet, is told by validate', async () => {
  const first = readFileSync(join(rig.dir, 'roles/ours/1.root.json'), 'utf8');
  const [old = ''] = Object.keys(rootSchema.parse(JSON.parse(first)).signed.keys);
  await rig.ok('root', 'rotate', '--replace', old, '--with', 'file:keys/second.pub.pem');
  await rig.ok('root', 'sign', '--key', 'file:keys/first.pem', 'file:keys/second.pem');
  await rig.rig.write({ 'Infra.yaml': infra('second') });
  const { status, stderr } = await rig.make('repo', 'validate', ...fleet, '--base', `file:${published}`);
  expect(status).toBe(2);
  expect(stderr).toContain('2.root.json"  [tuf/missing-root]');
  expect(stderr).toContain('Publish it: npx tsx Makefile.ts -C <checkout> repo refresh');
});

test('a refresh takes what the old keys signed, and signs it with the new ones', async () => {
  await rig.ok('repo', 'refresh', ...fleet, '--base', `file:${published}`);
  await rig.ok('repo', 'publish', '--to', `file:${published}`);
  await using server = await rig.serve(published);
  const root = join(rig.dir, 'roles/ours/1.root.json');
  expect(await rig.pythonTuf(server.url, { root, names: ['manifest.json'] })).toMatchObject({ versions: { root: 2 } });
  expect(await rig.result('repo', 'validate', ...fleet, '--base', `file:${published}`)).toMatchObject({
    repositories: [{ findings: 0 }],
  });
});
