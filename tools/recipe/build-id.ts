import { runCommand } from '../process/command.ts';

const SHORT = 8;
/** For a checkout without git, or without a commit. */
const NO_COMMIT = '0'.repeat(SHORT);

/** The short commit of a checkout, `-dirty` where its files differ from it: names images and enters their os-release. */
export async function readBuildId(dir: string, home: string): Promise<string> {
  const lines: string[] = [];
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
  const argv = ['git', '-C', dir, 'status', '--porcelain=v2', '--branch', '--untracked-files=normal'];
  const result = await runCommand(argv, { env, onLine: (line) => lines.push(line) }).catch(() => undefined);
  const commit = lines
    .map((line) => /^# branch\.oid ([0-9a-f]{40,})$/.exec(line)?.[1])
    .find((oid) => oid !== undefined);
  if (result?.status !== 0 || commit === undefined) return NO_COMMIT;
  const dirty = lines.some((line) => !line.startsWith('# '));
  return `${commit.slice(0, SHORT)}${dirty ? '-dirty' : ''}`;
}
