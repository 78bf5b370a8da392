import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';

import { BuildError } from '../errors.ts';
import { Store } from '../graph/store.ts';
import type { Session } from './session.ts';

/** Nobody else of this machine publishes that image of that checkout meanwhile. @throws BuildError publish/busy */
export async function lockPublication(
  { host }: Session,
  { dir, variant, arch }: { dir: string; variant: string; arch: string },
): Promise<AsyncDisposable> {
  const store = await Store.open(host.cacheDir);
  const name = `publish-${createHash('sha256')
    .update(JSON.stringify([realpathSync(dir), arch, variant]))
    .digest('hex')
    .slice(0, 16)}`;
  await store.session.enter(new AbortController().signal);
  if (!store.session.tryLock(name)) {
    await store[Symbol.asyncDispose]();
    throw new BuildError(
      'publish/busy',
      `Cannot publish ${variant} for ${arch}: another run in this checkout is at it`,
      {
        hint: 'Wait for it to end; what it has done is then found and not done again',
      },
    );
  }
  return {
    [Symbol.asyncDispose]: async () => {
      store.session.unlock(name);
      await store[Symbol.asyncDispose]();
    },
  };
}
