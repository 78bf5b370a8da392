/** What hosts would stumble over in manifest.json: updates they cannot choose, take or install, and migrations that lead nowhere. */
import semver from 'semver';

import { BuildError } from '../errors.ts';
import type { Fleet, Update, UpdateManifest } from './manifest.ts';
import { updatesOf } from './manifest.ts';
import { hopsOf, missingChains, parsePair, printPair, unreachableHops } from './migrations.ts';
import { parseWaves } from './waves.ts';

/** @param names of all targets */
export function manifestFindings(manifest: UpdateManifest, fleet: Fleet, names: ReadonlySet<string>): BuildError[] {
  const updates = updatesOf(manifest, fleet);
  const versions = updates.map(({ version }) => version);
  const twice = [...new Set(versions.filter((version, index) => versions.indexOf(version) !== index))].map(
    (version) =>
      new BuildError(
        'tuf/same-version-twice',
        `Cannot choose among updates: ${fleet.variant} ${version} for ${fleet.arch} is there more than once`,
      ),
  );
  const none =
    updates.length === 0
      ? [
          new BuildError(
            'tuf/no-updates',
            `Cannot update any host: the repository has no update of ${fleet.variant} for ${fleet.arch}`,
          ),
        ]
      : [];
  return [
    ...none,
    ...twice,
    ...updates.flatMap((update) => updateFindings(update, names)),
    ...migrationFindings(manifest, versions, names),
  ];
}

function updateFindings(update: Update, names: ReadonlySet<string>): BuildError[] {
  const { version, max_version: max, images, waves } = update;
  const missing = [images.boot, images.root, images.hash].filter((name) => !names.has(name));
  const absent = missing.map(
    (name) =>
      new BuildError('tuf/missing-target', `Cannot install update ${version}: its image "${name}" is no target`),
  );
  const beyond = semver.gt(version, max)
    ? [
        new BuildError(
          'tuf/above-max',
          `Cannot offer update ${version}: its max_version is ${max}, so no host takes it`,
          { hint: 'Raise it (repo set-max-version), or take the update out (repo withdraw)' },
        ),
      ]
    : [];
  const dates = parseWaves(waves);
  const disorder = dates.flatMap(([seed, date], index) => {
    const before = dates[index - 1];
    if (before === undefined || date > before[1]) return [];
    const finding = `expected seed ${seed} to come after ${before[1].toISOString()}, when seed ${before[0]} does, got ${date.toISOString()}`;
    return [new BuildError('tuf/wave-order', `Cannot roll out update ${version}: ${finding}`)];
  });
  return [...absent, ...beyond, ...disorder];
}

function migrationFindings(
  { migrations }: UpdateManifest,
  versions: readonly string[],
  names: ReadonlySet<string>,
): BuildError[] {
  const unread = Object.keys(migrations)
    .filter((pair) => parsePair(pair) === undefined)
    .map(
      (pair) =>
        new BuildError(
          'tuf/bad-manifest',
          `Cannot read migrations ${JSON.stringify(pair)}: expected a pair such as "(1.0.0, 1.1.0)"`,
        ),
    );
  const absent = Object.entries(migrations).flatMap(([pair, list]) =>
    list
      .filter((name) => !names.has(name))
      .map((name) => new BuildError('tuf/missing-target', `Cannot migrate ${pair}: "${name}" is no target`)),
  );
  const broken = missingChains(hopsOf(migrations), versions).map(({ from, to, stuckAt }) => {
    const hint = `Say in Release.yaml what leads on, if only nothing: "(${stuckAt}, ${to})": []`;
    return new BuildError(
      'tuf/no-migrations',
      `Cannot migrate between ${from} and ${to}: nothing leads on from ${stuckAt}`,
      { hint },
    );
  });
  return [...unread, ...absent, ...broken, ...idleFindings(migrations, versions, names)];
}

/** Nothing that stops a host, but somebody meant it to be run. */
function idleFindings(
  migrations: UpdateManifest['migrations'],
  versions: readonly string[],
  names: ReadonlySet<string>,
): BuildError[] {
  const idle = unreachableHops(hopsOf(migrations), versions).map(({ from, to }) => {
    const hint = `Say in Release.yaml how hosts get there, or take ${printPair(from, to)} out`;
    return new BuildError(
      'tuf/unreachable-migration',
      `Cannot reach migrations ${printPair(from, to)}: no host gets from one to the other on its way to ${versions.join(', ')}`,
      { hint },
    );
  });
  const named = new Set(Object.values(migrations).flat());
  const orphans = [...names]
    .filter((name) => name.startsWith('migrate_') && !named.has(name))
    .map(
      (name) =>
        new BuildError('tuf/unreachable-migration', `Cannot reach migration "${name}": no pair of versions names it`, {
          hint: 'Name it in Release.yaml: migrations: { "(1.0.0, 1.1.0)": [...] }',
        }),
    );
  return [...idle, ...orphans];
}
