import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { UpdateRig } from './rig/update-rig.ts';

/** Trouble on the way between a repository and whoever reads or writes it: cut lines, killed runs, wrong addresses. */
let rig: UpdateRig;
let published: string;
const fleet = ['--variant', 'metal-dev'];

beforeAll(async () => {
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  await rig.build({ version: '1.0.0' });
  await rig.ok('repo', 'create', ...fleet);
  await publish();
}, 600_000);

afterAll(() => rig[Symbol.asyncDispose]());

function base(): string[] {
  return [...fleet, '--base', `file:${published}`];
}

function publish(): Promise<string> {
  return rig.ok('repo', 'publish', '--to', `file:${published}`);
}

describe('reading', () => {
  test('a line that is cut in the middle of a file is a finding of that file', async () => {
    await using server = await rig.serve(published, 'truncate');
    const { status, stderr } = await rig.make('repo', 'validate', ...fleet, '--base', server.url);
    expect(stderr).toMatch(/Cannot read http:\S+targets\/[0-9a-f]{64}\.\S+: the connection ended/);
    expect(status).toBe(2);
  });

  test.each(['file://srv/updates', 'https://', 's3:///updates'])('%s is no address', async (address) => {
    expect(await rig.refusal('repo', 'validate', ...fleet, '--base', address)).toBe('1 tuf/unknown-place');
  });

  test('what was seen of roots, cut short by a kill, is begun again from the root that is trusted', async () => {
    await using server = await rig.serve(published);
    const download = ['repo', 'download', ...fleet, '--base', server.url];
    await rig.ok(...download);
    const root = join(rig.dir, '.config/slipway/repositories/default/roots/1.root.json');
    const [memory = '', ...others] = rig.memories(root);
    expect(others).toEqual([]);
    truncateSync(join(memory, 'root.json'), 100);
    await rig.ok(...download);
    expect(readFileSync(join(memory, 'root.json'))).toEqual(readFileSync(root));
  });

  test('a download ends on another file system than that of the cache', async () => {
    const out = join('/dev/shm', `slipway-${process.pid}`);
    await using server = await rig.serve(published);
    try {
      expect(statSync('/dev/shm').dev).not.toBe(statSync(rig.rig.store).dev);
      const { files } = await rig.result('repo', 'download', ...fleet, '--base', server.url, '--out', out);
      expect(files).toHaveLength(6);
      expect(readdirSync(out)).toHaveLength(7);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });

  test('a web server cannot tell which versions there were, and that is said', async () => {
    await using server = await rig.serve(published);
    expect(await rig.refusal('repo', 'rollback', ...fleet, '--base', server.url)).toBe('1 tuf/no-list');
  });

  test('"all repositories" is never none', async () => {
    const all = ['--all', '--base', `file:${join(rig.dir, 'nothing')}`];
    expect(await rig.refusal('repo', 'check-expirations', ...all)).toBe('1 tuf/no-repository');
    expect(await rig.refusal('repo', 'validate', ...all)).toBe('1 tuf/no-repository');
  });

  test('a port that is none is said to be none', async () => {
    expect(await rig.refusal('repo', 'serve', '--dir', published, '--port', '99999')).toBe('1 cli/bad-port');
  });

  test('a key address that is not encoded well is said to be that', async () => {
    const key = 'pkcs11:token=%zz;object=a?module-path=b';
    await rig.ok('root', 'init', '--repo', 'other');
    expect(await rig.refusal('root', 'sign', '--repo', 'other', '--key', key)).toBe('1 tuf/unknown-key-address');
  });
});

describe('writing', () => {
  test('a lock that a killed run has left is waited out, and the timestamp written', async () => {
    await rig.ok('repo', 'refresh', ...base());
    const lock = join(published, 'metal-dev', 'x86_64', '.publishing');
    writeFileSync(lock, '');
    const left = (Date.now() - 8_000) / 1000;
    utimesSync(lock, left, left);
    expect(await publish()).toContain('Published, and read back.');
    expect(existsSync(lock)).toBe(false);
  });
});
