import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';
import { z } from 'zod';

import { fixturePackage, RELEASE } from './rig/fixtures.ts';
import { OwnStore } from './rig/own-store.ts';
import { Rig } from './rig/rig.ts';

/** Everything a build can see of where it runs, but for the cores it is granted, becomes what it ships. */
const SEES_ALL = `{ env | grep -vE '^(SLIPWAY_CORES|RPM_BUILD_NCPUS|_)=' | sort; pwd; id; uname -n; umask; ls -a / /slipway; ulimit -n; } > seen`;

const RESULT = z.object({ data: z.object({ rpms: z.array(z.object({ file: z.string(), sha256: z.string() })) }) });

function rpmsOf(stdout: string): readonly unknown[] {
  const result = stdout.split('\n').findLast((line) => line.includes('"type":"result"'));
  return RESULT.parse(JSON.parse(result ?? '{}')).data.rpms.map(({ file, sha256 }) => [file, sha256]);
}

test('a package is the same file, whoever builds it, where, when and with how many cores', async () => {
  const files = {
    ...RELEASE,
    ...fixturePackage('alpha', { build: SEES_ALL, install: 'cp seen %{buildroot}%{_datadir}' }),
  };
  const digests = [];
  for (const env of [
    { TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8', USER: 'one' },
    { TZ: 'America/Lima', LC_ALL: 'C', USER: 'two', SOURCE_DATE_EPOCH: '1' },
  ]) {
    using store = await OwnStore.create();
    await using rig = await Rig.create(files, store.dir);
    const { stdout } = await rig.makeWith(
      { env },
      '--json',
      'build',
      '--package',
      'alpha',
      '--cores',
      String(digests.length + 1),
    );
    digests.push(rpmsOf(stdout));
  }
  expect(digests[0]).toEqual([['slipway-alpha-1.0-1.x86_64.rpm', expect.stringMatching(/^[0-9a-f]{64}$/)]]);
  expect(digests[1]).toEqual(digests[0]);
});

test('a build that was killed leaves nothing half-done, and the next goes on from there', async () => {
  using store = await OwnStore.create();
  const files = {
    ...RELEASE,
    ...fixturePackage('alpha'),
    ...fixturePackage('beta', {
      buildRequires: ['alpha'],
      build: 'test -e /slipway/sources/go || { echo beta-waits; sleep 60; }',
    }),
  };
  await using rig = await Rig.create(files, store.dir);
  const killed = await rig.makeWith(
    { killWhen: (line) => line.includes('"line":"beta-waits"') },
    '--json',
    'build',
    '--package',
    'beta',
  );
  expect(killed.signal).toBe('SIGKILL');
  await rig.write({ 'packages/beta/go': '' });
  const again = await rig.make('build', '--package', 'beta');
  expect(again.status).toBe(0);
  expect(again.stderr).not.toContain('Build alpha');
  expect(readdirSync(join(store.dir, 'work'))).toEqual([]);
});

test('of two builds at once that want the same package, one builds it and the other waits', async () => {
  await using rig = await Rig.create({ ...RELEASE, ...fixturePackage('alpha', { build: 'sleep 3' }) });
  const runs = await Promise.all([rig.make('build', '--package', 'alpha'), rig.make('build', '--package', 'alpha')]);
  expect(runs.map(({ status }) => status)).toEqual([0, 0]);
  expect(runs.filter(({ stderr }) => stderr.includes('Build alpha in'))).toHaveLength(1);
});

test('Ctrl-C ends the build with its children, and says that nothing is lost', async () => {
  await using rig = await Rig.create({
    ...RELEASE,
    ...fixturePackage('alpha', { build: 'echo alpha-waits; sleep 600' }),
  });
  const ended = await rig.makeWith(
    { killWhen: (line) => line.includes('"line":"alpha-waits"'), killBy: 'SIGINT' },
    '--json',
    'build',
    '--package',
    'alpha',
  );
  expect(ended.status).toBe(130);
  expect(ended.stdout).toContain('what was done is kept');
});
