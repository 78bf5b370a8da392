import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { BuildError } from '../errors.ts';
import type { RunContext } from '../graph/task.ts';
import { runOnline } from '../sandbox/online.ts';
import type { Host } from './host.ts';

/** The root's apt with directories of its own: it knows nothing of the host's packages, nor the host of it. */
export interface Apt {
  /** Host path of a tool root that has apt. */
  readonly root: string;
  /** Whose packages are solved for: apt looks at lists only, so any apt can. */
  readonly host: Host;
  /** Host path, shown to apt as `APT`. */
  readonly dir: string;
}

const APT = '/slipway/apt';

/** Nothing is installed, so that everything is solved for; only what is asked for and what that needs comes. */
const CONFIGURATION = `Dir::State "${APT}/state";
Dir::State::status "${APT}/state/status";
Dir::Cache "${APT}/cache";
Dir::Log "${APT}/log";
Dir::Etc "${APT}/etc";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "5";
Acquire::ForceHash "SHA256";
Acquire::Check-Valid-Until "false";
`;

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** An entry of sources.list, trusted by the keys in the root alone. */
export function sourceLine(base: string, suite: string): string {
  return `deb [signed-by=${KEYRING}] ${base} ${suite} main\n`;
}

export async function prepareApt({ dir, host }: Apt, sourcesList: string): Promise<void> {
  for (const folder of [
    'etc/apt.conf.d',
    'etc/preferences.d',
    'etc/sources.list.d',
    'state/lists/partial',
    'cache/archives/partial',
    'log',
  ]) {
    await mkdir(join(dir, folder), { recursive: true });
  }
  await writeFile(
    join(dir, 'apt.conf'),
    `APT::Architecture "${host}";\nAPT::Architectures { "${host}"; };\n${CONFIGURATION}`,
  );
  await writeFile(join(dir, 'state/status'), '');
  await writeFile(join(dir, 'etc/sources.list'), sourcesList);
}

/**
 * Runs apt-get and gives what it printed. It has the network.
 * @throws BuildError sdk/apt-failed
 */
export async function runApt({ root, dir }: Apt, args: readonly string[], context: RunContext): Promise<string> {
  const lines: string[] = [];
  const command = {
    argv: ['/usr/bin/apt-get', ...args],
    env: { PATH: '/usr/bin:/usr/sbin', LANG: 'C.UTF-8', APT_CONFIG: `${APT}/apt.conf` },
    layers: [root],
    directories: { [APT]: dir },
  };
  const { status } = await runOnline(command, context, (line) => {
    lines.push(line);
    if (!line.startsWith("'")) context.log(line);
  });
  context.signal.throwIfAborted();
  if (status === 0) return lines.join('\n');
  const said = lines.filter((line) => line.startsWith('E:'));
  throw new BuildError('sdk/apt-failed', `Cannot solve a tool root: apt-get ${args[0]} exited with status ${status}`, {
    cause: said.length === 0 ? undefined : new Error(said.join('; ')),
  });
}
