import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync, rmSync, existsSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { z } from 'zod';

import { UpdateRig } from './rig/update-rig.ts';

/** One repository, published to a directory, grows through these tests in their order. */
let rig: UpdateRig;
let published: string;
const fleet = ['--variant', 'metal-dev'];

beforeAll(async () => {
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  await rig.build({ version: '1.0.0' });
}, 600_000);

afterAll(() => rig[Symbol.asyncDispose]());

function base(): string[] {
  return [...fleet, '--base', `file:${published}`];
}

function metadata(file: string): string {
  return join(published, 'metal-dev', 'x86_64', file);
}

function devRoot(): string {
  return join(rig.dir, '.config', 'slipway', 'repositories', 'default', 'roots', '1.root.json');
}

function versionOf(path: string): number {
  return z.object({ signed: z.object({ version: z.number() }) }).parse(JSON.parse(readFileSync(path, 'utf8'))).signed
    .version;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

const NAMES = [
  'manifest.json',
  'metal-dev-x86_64-kmod-kit-v1.0.0.tar.xz',
  'slipway-metal-dev-x86_64-1.0.0-abcd1234-boot.ext4.lz4',
  'slipway-metal-dev-x86_64-1.0.0-abcd1234-data.img.lz4',
  'slipway-metal-dev-x86_64-1.0.0-abcd1234-root.erofs.lz4',
  'slipway-metal-dev-x86_64-1.0.0-abcd1234-root.verity.lz4',
  'slipway-metal-dev-x86_64-1.0.0-abcd1234.img.lz4',
  'slipway-metal-dev-x86_64-v1.0.0-data.img.lz4',
  'slipway-metal-dev-x86_64-v1.0.0.img.lz4',
];

describe('the first repository', () => {
  test('create needs no configuration: it makes a key outside of the checkout, for its owner alone, and says so', async () => {
    const { status, stderr, stdout } = await rig.rig.makeWith(
      { env: { XDG_CONFIG_HOME: join(rig.dir, '.config') } },
      'repo',
      'create',
      ...fleet,
    );
    expect(stderr).toContain('made a development key for repository "default"');
    expect(stdout).toContain('a new repository');
    expect(status).toBe(0);
    const key = join(devRoot(), '..', '..', 'dev-key.pem');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(
      readdirSync(join(rig.dir, 'build/repos/default/latest/targets'))
        .map((name) => name.slice(65))
        .toSorted(),
    ).toEqual(NAMES);
  });

  test('create does not write over an output unless told to', async () => {
    expect(await rig.refusal('repo', 'create', ...fleet)).toBe('1 tuf/exists');
    await rig.ok('repo', 'create', ...fleet, '--replace');
  });

  test('a plan says every object and writes none', async () => {
    const { stdout } = await rig.make('repo', 'publish', '--to', `file:${published}`, '--plan');
    expect(stdout).toContain('13 objects to write');
    expect(stdout).toContain('Nothing was changed.');
    expect(existsSync(published)).toBe(false);
  });

  test('publish writes what was planned, and then there is nothing left to do', async () => {
    expect(await rig.ok('repo', 'publish', '--to', `file:${published}`)).toContain('Published, and read back.');
    expect((await rig.make('repo', 'publish', '--to', `file:${published}`, '--plan')).stdout).toContain(
      '0 objects to write (0 B), 13 are there already',
    );
  });

  test('a published repository is valid, every byte of it read', async () => {
    const result = await rig.result('repo', 'validate', ...base());
    expect(result).toMatchObject({ repositories: [{ targets: 9, findings: 0 }] });
  });

  test('python-tuf reads all of it', async () => {
    await using server = await rig.serve(published);
    const answer = await rig.pythonTuf(server.url, { root: devRoot(), names: NAMES });
    expect(answer).toMatchObject({ versions: { root: 1 } });
    const targets = 'targets' in answer ? answer.targets : {};
    expect(Object.values(targets)).toEqual(NAMES.map((name) => targets[name]));
    expect(Object.keys(targets)).toHaveLength(NAMES.length);
    for (const [name, digest] of Object.entries(targets))
      expect(existsSync(join(published, 'targets', `${digest}.${name}`))).toBe(true);
  });

  test('download brings what a host would, and brings nothing twice', async () => {
    await using server = await rig.serve(published);
    const download = ['repo', 'download', ...fleet, '--base', server.url];
    const { files } = await rig.result(...download);
    expect(files).toHaveLength(6);
    const kit = join(rig.dir, 'build/downloads/x86_64-metal-dev/metal-dev-x86_64-kmod-kit-v1.0.0.tar.xz');
    expect(sha256(kit)).toBe(
      sha256(
        join(rig.dir, 'build/images/x86_64-metal-dev/latest/slipway-metal-dev-x86_64-1.0.0-abcd1234-kmod-kit.tar.xz'),
      ),
    );
    const again = await rig.result(...download);
    expect(again['files']).toEqual(expect.arrayContaining([expect.objectContaining({ fresh: true })]));
    expect(JSON.stringify(again['files'])).not.toContain('"fresh":false');
  });
});

describe('the next update', () => {
  test('an update without migrations from what is in the field is refused, and the way out is told', async () => {
    await rig.build({ version: '1.1.0' });
    const { stderr } = await rig.make('repo', 'create', ...base());
    expect(stderr).toContain('tuf/no-migrations');
    expect(stderr).toContain('migrations: { "(1.0.0, 1.1.0)": [] }');
  });

  test('create extends the manifest and keeps every target', async () => {
    await rig.build({ version: '1.1.0', migrations: { '(1.0.0, 1.1.0)': [] } });
    expect(await rig.result('repo', 'create', ...base(), '--smooth')).toMatchObject({ update: 'next' });
    const plan = (await rig.make('repo', 'publish', '--to', `file:${published}`, '--plan')).stdout;
    expect(plan).toContain('change  metal-dev/x86_64/timestamp.json');
    await rig.ok('repo', 'publish', '--to', `file:${published}`);
    expect(await rig.result('repo', 'validate', ...base())).toMatchObject({
      repositories: [{ targets: 17, findings: 0 }],
    });
  });

  test('the same version twice is an error', async () => {
    const { stderr } = await rig.make('repo', 'create', ...base(), '--replace');
    expect(stderr).toContain('tuf/same-version-twice');
  });

  test('two releasers cannot interleave: what was made for an older state is not published', async () => {
    await rig.ok('repo', 'refresh', ...base());
    await rig.ok('repo', 'set-waves', '--version', '1.1.0', '--waves', 'ohno', ...base(), '--yes');
    const outputs = readdirSync(join(rig.dir, 'build/repos/default'));
    const dirs = ['refresh-', 'set-waves-'].map(
      (verb) => `build/repos/default/${outputs.findLast((name) => name.startsWith(verb))}`,
    );
    await rig.ok('repo', 'publish', '--from', dirs[0] ?? '', '--to', `file:${published}`);
    expect(await rig.refusal('repo', 'publish', '--from', dirs[1] ?? '', '--to', `file:${published}`)).toMatch(
      /^1 tuf\/(interleaved|overwritten)$/,
    );
  });

  test('python-tuf follows to the new versions', async () => {
    await using server = await rig.serve(published);
    const answer = await rig.pythonTuf(server.url, {
      root: devRoot(),
      names: ['slipway-metal-dev-x86_64-1.1.0-abcd1234-root.erofs.lz4'],
    });
    expect(answer).toMatchObject({ versions: { timestamp: versionOf(metadata('timestamp.json')) } });
  });
});

describe('a repository that is not whole', () => {
  test('one that lacks a file is not taken for a new one', async () => {
    for (const [file, code] of [
      ['timestamp.json', 'tuf/half-repository'],
      ['snapshot.json', 'tuf/half-repository'],
    ] as const) {
      const target =
        readdirSync(join(published, 'metal-dev/x86_64'))
          .filter((name) => name.endsWith(file))
          .toSorted()
          .at(-1) ?? '';
      const bytes = readFileSync(metadata(target));
      rmSync(metadata(target));
      const refusal = await rig.refusal('repo', 'create', ...base(), '--new', '--replace');
      writeFileSync(metadata(target), bytes);
      expect(refusal).toBe(`1 ${code}`);
    }
  });

  test('one that may not be read is not taken for a new one', async () => {
    await using server = await rig.serve(join(rig.dir, 'nothing'), 'forbid-missing');
    expect(await rig.refusal('repo', 'create', ...fleet, '--base', server.url, '--new', '--replace')).toBe(
      '1 tuf/refused',
    );
  });
});
