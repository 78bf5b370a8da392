import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { UpdateRig } from './rig/update-rig.ts';

/** A repository with three versions in the field, and what can be done to it after it was published. */
let rig: UpdateRig;
let published: string;
let first: number;
const fleet = ['--variant', 'metal-dev'];

beforeAll(async () => {
  rig = await UpdateRig.create();
  published = join(rig.dir, 'published');
  const hops: Record<string, string[]> = {};
  const released = ['1.0.0', '1.1.0', '1.2.0'];
  for (const [index, version] of released.entries()) {
    const before = released[index - 1];
    if (before !== undefined) hops[`(${before}, ${version})`] = [];
    await rig.build({ version, migrations: hops });
    await rig.ok('repo', 'create', ...base(), ...(before === undefined ? ['--new'] : []));
    await publish();
    if (before === undefined) first = targetsVersions()[0] ?? 0;
  }
}, 600_000);

afterAll(() => rig[Symbol.asyncDispose]());

function base(): string[] {
  return [...fleet, '--base', `file:${published}`];
}

async function publish(): Promise<void> {
  await rig.ok('repo', 'publish', '--to', `file:${published}`);
}

function targetsVersions(): number[] {
  const names = readdirSync(join(published, 'metal-dev', 'x86_64'));
  return names
    .map((name) => Number(/^(\d+)\.targets\.json$/.exec(name)?.[1]))
    .filter((version) => version > 0)
    .toSorted((a, b) => a - b);
}

const manifestSchema = z.object({
  updates: z.array(z.object({ version: z.string(), max_version: z.string(), waves: z.record(z.string(), z.string()) })),
});

/** manifest.json as hosts find it. */
function manifest(): z.output<typeof manifestSchema> {
  const file = join(published, 'metal-dev', 'x86_64', `${targetsVersions().at(-1)}.targets.json`);
  const targets = z
    .object({
      signed: z.object({ targets: z.record(z.string(), z.object({ hashes: z.object({ sha256: z.string() }) })) }),
    })
    .parse(JSON.parse(readFileSync(file, 'utf8')));
  const sha256 = targets.signed.targets['manifest.json']?.hashes.sha256 ?? '';
  return manifestSchema.parse(JSON.parse(readFileSync(join(published, 'targets', `${sha256}.manifest.json`), 'utf8')));
}

function versions(): string[] {
  return manifest().updates.map(({ version }) => version);
}

describe('an edit', () => {
  test('says what would be downgraded, and wants a yes where nobody can be asked', async () => {
    const { status, stderr } = await rig.make('repo', 'set-max-version', '1.1.0', ...base());
    expect(status).toBe(1);
    expect(stderr).toMatch(/1 versions will be DOWNGRADED: 1\.2\.0 to 1\.1\.0\. Go on\?  \[cli\/not-confirmed\]/);
    const said = await rig.ok('repo', 'set-max-version', '1.1.0', ...base(), '--yes');
    expect(said).toContain('1 versions will be DOWNGRADED: 1.2.0 to 1.1.0.');
  });

  test('changes nothing that is published before it is published', async () => {
    expect(new Set(manifest().updates.map(({ max_version: max }) => max))).toEqual(new Set(['1.2.0']));
    await publish();
    expect(new Set(manifest().updates.map(({ max_version: max }) => max))).toEqual(new Set(['1.1.0']));
  });

  test('validate tells of an update that no host takes any more', async () => {
    expect(await rig.refusal('repo', 'validate', ...base(), '--quick')).toBe('2 tuf/above-max');
    await rig.ok('repo', 'set-max-version', '1.2.0', ...base(), '--yes');
    await publish();
    expect(await rig.result('repo', 'validate', ...base())).toMatchObject({ repositories: [{ findings: 0 }] });
  });

  test('a withdrawn version is gone, and hosts that have it keep it unless told otherwise', async () => {
    expect(await rig.ok('repo', 'withdraw', '--version', '1.2.0', ...base(), '--yes')).toContain(
      '0 versions will be downgraded.',
    );
    expect(await rig.ok('repo', 'withdraw', '--version', '1.2.0', '--downgrade', ...base(), '--yes')).toContain(
      '1.2.0 to 1.1.0',
    );
    await publish();
    expect(versions()).toEqual(['1.0.0', '1.1.0']);
    expect(await rig.refusal('repo', 'withdraw', '--version', '1.2.0', ...base(), '--yes')).toBe(
      '1 tuf/no-such-update',
    );
  });

  test('waves start anew, stop, and are shown as hosts reckon them', async () => {
    await rig.ok('repo', 'set-waves', '--version', '1.1.0', '--waves', 'ohno', '--smooth', ...base(), '--yes');
    await publish();
    const { waves = {} } = manifest().updates[1] ?? {};
    expect(Object.keys(waves).length).toBeGreaterThan(200);
    await rig.ok('repo', 'pause', '--version', '1.1.0', '--until', '2 weeks', ...base(), '--yes');
    await publish();
    const shown = await rig.ok('repo', 'waves', '--version', '1.1.0', ...base());
    expect(shown).toMatch(/^312 +0\.05$/m);
    expect(shown).toMatch(/^360 +100\.00$/m);
  });

  test('a roll-back signs anew what was, under a higher version', async () => {
    const { versions: known } = await rig.result('repo', 'rollback', ...base());
    expect(known).toEqual(targetsVersions().toReversed());
    expect(await rig.refusal('repo', 'rollback', '--to', '12', ...base(), '--yes')).toBe('1 tuf/no-such-version');
    expect(await rig.ok('repo', 'rollback', '--to', String(first), ...base(), '--yes')).toContain(
      'DOWNGRADED: 1.1.0 to 1.0.0',
    );
    const before = targetsVersions().at(-1) ?? 0;
    await publish();
    expect(targetsVersions().at(-1)).toBeGreaterThan(before);
    expect(versions()).toEqual(['1.0.0']);
    expect(await rig.result('repo', 'validate', ...base())).toMatchObject({
      repositories: [{ targets: 9, findings: 0 }],
    });
  });
});

describe('dates', () => {
  test('what expires soon is told with status 2, of every repository', async () => {
    expect(await rig.result('repo', 'check-expirations', '--all', '--base', `file:${published}`)).toMatchObject({
      roles: [{ role: 'root' }, { role: 'targets' }, { role: 'snapshot' }, { role: 'timestamp', state: 'good' }],
    });
    expect(await rig.refusal('repo', 'check-expirations', ...base(), '--within', '10 days')).toBe('2 tuf/expires-soon');
  });

  test('a policy is read whole, and every complaint of it has its place', async () => {
    const file = join(rig.dir, 'waves.yaml');
    await rig.rig.write({
      'waves.yaml':
        'waves:\n  - { start-after: 1 fortnight, fleet-percentage: 20 }\n  - { start-after: 2 hours, fleet-percentage: 101 }\n',
    });
    const { stderr } = await rig.make('repo', 'waves', '--policy', file);
    expect(stderr).toContain('waves.yaml:2:20: error: Cannot read "waves[0].start-after": expected a moment such as');
    expect(stderr).toContain(
      'waves.yaml:3:47: error: Cannot read "waves[1].fleet-percentage": expected at most 100, got 101',
    );
  });

  test("pubsys's own policies in TOML are read as they are", async () => {
    await rig.rig.write({
      'waves.toml':
        '[[waves]]\nstart_after = "1 hour"\nfleet_percentage = 50\n\n[[waves]]\nstart_after = "1 day"\nfleet_percentage = 100\n',
    });
    expect(await rig.ok('repo', 'waves', '--policy', join(rig.dir, 'waves.toml'))).toMatch(/^24 +100\.00/m);
  });
});
