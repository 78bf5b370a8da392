import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join, resolve } from 'node:path';

import { openRepo } from '../recipe/update-repo.ts';
import { serve } from '../tuf/serve.ts';
import { MISBEHAVIOURS } from '../tuf/serve-file.ts';
import type { Misbehaviour } from '../tuf/serve-file.ts';
import { BuildError } from '../errors.ts';
import type { RepoFlags } from './repo-flags.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface ServeFlags extends RepoFlags {
  readonly dir?: string;
  readonly port: string;
  readonly misbehave: readonly Misbehaviour[];
}

/** Until it is interrupted. */
export async function serveRepository(session: Session, flags: ServeFlags): Promise<void> {
  const dir =
    flags.dir === undefined
      ? join((await openRepo(flags, surroundingsOf(session))).outDir, 'latest')
      : resolve(flags.dir);
  if (!existsSync(dir))
    throw new BuildError('tuf/nothing-to-publish', `Cannot serve "${dir}": it is not there`, {
      hint: 'Make a repository first: npx tsx Makefile.ts repo create --variant <name>',
    });
  const onRequest = (line: string): void => session.sink({ type: 'task-line', id: 'repo/serve', line });
  await using serving = await serve({ dir, port: parsePort(flags.port), misbehave: flags.misbehave, onRequest });
  const trouble = flags.misbehave.map((kind) => `\n  ${kind}: ${MISBEHAVIOURS[kind]}`).join('');
  session.result(
    `Serving ${dir} at ${serving.url} (metadata at <variant>/<arch>/, targets at targets/). Ctrl-C ends it.${trouble}`,
    { url: serving.url, dir },
  );
  if (!session.signal.aborted) await once(session.signal, 'abort');
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  throw new BuildError('cli/bad-port', `Cannot listen on port "${text}": expected a number from 0 to 65535`);
}
