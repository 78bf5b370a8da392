import { rename } from 'node:fs/promises';
import { join } from 'node:path';

import { sourceFileName } from '../config/package.ts';
import type { FileSource } from '../config/package.ts';
import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Outputs, RunContext } from '../graph/task.ts';
import { sourceAddresses } from './debian-pool.ts';
import { download } from './download.ts';
import type { Address } from './download.ts';
import type { Mirrors } from './mirrors.ts';
import { OFFLINE_HINT } from './offline.ts';
import type { TransferTask } from './offline.ts';
import { partsDirOf } from './supply.ts';
import type { Supply } from './supply.ts';

export interface FetchOptions extends Supply {
  /** Where the source is asked for, for messages. */
  readonly at?: Location | undefined;
}

/**
 * Brings one pinned source. Its key is the digest and the name alone: where the file comes from is no part of what it is, so
 * a new mirror fetches nothing again. One output, named as the file is in the build.
 */
export function fetchTask(source: FileSource, options: FetchOptions): TransferTask {
  const file = sourceFileName(source);
  return {
    id: `source/${file}`,
    title: `Fetch ${file}`,
    needs: [],
    cost: { cores: 1, memoryMiB: 32, network: true },
    resolve: () => ({
      key: { file, sha512: source.sha512 },
      run: async (context) => await fetchSource(source, options, context),
    }),
    lacking: () => notFetched(file, options.at),
  };
}

async function fetchSource(
  source: FileSource,
  { store, network, mirrors, at }: FetchOptions,
  context: RunContext,
): Promise<Outputs> {
  const name = sourceFileName(source);
  if (network === 'offline') throw notFetched(name, at);
  const wanted = {
    name,
    algorithm: 'sha512',
    digest: source.sha512,
    addresses: addressesOf(source, await mirrors()),
    at,
  } as const;
  const part = await download(wanted, {
    partsDir: partsDirOf(store),
    signal: context.signal,
    onProgress: (done, total) => context.progress(done, total ?? done, 'bytes'),
  });
  const file = join(context.workDir, 'source');
  await rename(part, file);
  return { [name]: await store.putFile(file) };
}

/** What is said without network of a source that the store does not have. */
export function notFetched(name: string, at: Location | undefined): BuildError {
  return new BuildError(
    'source/offline',
    `Cannot fetch "${name}": the network is off, and the store does not have it`,
    {
      at,
      hint: OFFLINE_HINT,
    },
  );
}

/** Lookaside mirrors, then upstream. */
export function addressesOf(source: FileSource, mirrors: Mirrors): readonly Address[] {
  const upstream = 'debian' in source ? sourceAddresses(source.debian, mirrors) : [source.url, ...source.mirrors];
  return [...lookasideAddresses({ file: sourceFileName(source), sha512: source.sha512 }, mirrors), ...upstream];
}

/** Where the mirrors of whoever builds keep a file. */
export function lookasideAddresses({ file, sha512 }: { file: string; sha512: string }, mirrors: Mirrors): string[] {
  const name = encodeURIComponent(file);
  return mirrors.lookaside.map((base) => `${base}/${name}/${sha512}/${name}`);
}
