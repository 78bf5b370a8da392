import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { BuildError } from '../errors.ts';
import type { Location } from '../errors.ts';
import type { Inputs, Outputs, RunContext, Task } from '../graph/task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { download } from '../sources/download.ts';
import { lookasideAddresses, notFetched } from '../sources/fetch.ts';
import type { TransferTask } from '../sources/offline.ts';
import { partsDirOf } from '../sources/supply.ts';
import type { Supply } from '../sources/supply.ts';
import type { GoSettings } from './client.ts';

/** What making files by Go's client takes. */
export interface GoWorkshop extends Supply {
  readonly sandbox: Sandbox;
  readonly settings: GoSettings;
}

/** A file that Go's client makes the same everywhere, known by its digest. */
export interface PinnedFile {
  readonly file: string;
  readonly sha512: string;
  readonly at: Location | undefined;
  readonly needs: readonly Task[];
  readonly memoryMiB: number;
  /** Makes it, and gives its path on the host. */
  readonly make: (inputs: Inputs, context: RunContext) => Promise<string>;
}

/** Like any source: known by name and digest, looked for in the lookaside mirrors first, and refused when it is another. */
export function pinnedTask(pinned: PinnedFile, workshop: GoWorkshop): TransferTask {
  const { file, sha512, at, needs, memoryMiB } = pinned;
  return {
    id: `source/${file}`,
    title: `Fetch ${file}`,
    needs,
    cost: { cores: 1, memoryMiB, network: true },
    resolve: (inputs) => ({
      key: { file, sha512 },
      run: async (context) => await bring(pinned, workshop, { inputs, context }),
    }),
    lacking: () => notFetched(file, at),
  };
}

interface Surroundings {
  readonly inputs: Inputs;
  readonly context: RunContext;
}

async function bring(pinned: PinnedFile, workshop: GoWorkshop, { inputs, context }: Surroundings): Promise<Outputs> {
  const { file, sha512, at, make } = pinned;
  const { network, store } = workshop;
  if (network === 'offline') throw notFetched(file, at);
  const mirrored = await fromMirrors(pinned, workshop, context);
  if (mirrored !== undefined) return { [file]: await store.putFile(mirrored) };
  const path = await make(inputs, context);
  const found = await sha512Of(path);
  if (found !== sha512) throw wrongDigest(pinned, found);
  return { [file]: await store.putFile(path) };
}

/** Undefined where no mirror has it: then it is made. */
async function fromMirrors(
  { file, sha512, at }: PinnedFile,
  { store, mirrors }: GoWorkshop,
  context: RunContext,
): Promise<string | undefined> {
  const addresses = lookasideAddresses({ file, sha512 }, await mirrors());
  if (addresses.length === 0) return undefined;
  try {
    const wanted = { name: file, algorithm: 'sha512', digest: sha512, addresses, at } as const;
    const onProgress = (done: number, total = done): void => context.progress(done, total, 'bytes');
    const part = await download(wanted, { partsDir: partsDirOf(store), signal: context.signal, onProgress });
    const path = join(context.workDir, 'mirrored');
    await rename(part, path);
    return path;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    context.log(`No mirror gave it: ${error.message}`);
    return undefined;
  }
}

export async function sha512Of(path: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

function wrongDigest({ file, sha512, at }: PinnedFile, found: string): BuildError {
  return new BuildError(
    'source/wrong-digest',
    `Cannot fetch "${file}": expected SHA-512 ${sha512}, made one with ${found}`,
    {
      at,
      hint: 'What the modules or the way they are gathered changed since it was pinned: look at what is new, then "sources update"',
    },
  );
}
