import { createHash } from 'node:crypto';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Location } from '../errors.ts';
import { guardWrite } from '../graph/disk.ts';
import { failure } from './failure.ts';
import { Finding, printAddress } from './finding.ts';
import { claimPart, releasePart } from './part-file.ts';
import { transfer } from './transfer.ts';

/** An address, or one that is asked for only when all before it have failed. */
export type Address = string | ((signal: AbortSignal) => Promise<string>);

export interface Wanted {
  /** What the person knows the file by. */
  readonly name: string;
  readonly algorithm: 'sha256' | 'sha512';
  readonly digest: string;
  readonly size?: number | undefined;
  /** Tried in this order. */
  readonly addresses: readonly Address[];
  /** Where the file is asked for, for messages. */
  readonly at?: Location | undefined;
}

export interface DownloadOptions {
  /** Half-fetched files wait here between builds; the finished one is left here too, for the caller to move. */
  readonly partsDir: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number | undefined) => void;
  readonly patience?: Patience;
}

export interface Patience {
  /** Attempts at one address that bring not a single byte further. */
  readonly attempts: number;
  readonly firstWaitMs: number;
  readonly stallMs: number;
}

const PATIENCE: Patience = { attempts: 6, firstWaitMs: 400, stallMs: 45_000 };
const LONGEST_WAIT_MS = 20_000;
const NAME_OF = { sha256: 'SHA-256', sha512: 'SHA-512' } as const;

/**
 * Brings a file whose digest is known from the first address that has it; gives its path below `partsDir`, which the caller
 * moves or removes. Whatever has another digest is deleted.
 * @throws BuildError source/wrong-digest, source/web-page, source/absent or source/unreachable
 */
export async function download(wanted: Wanted, options: DownloadOptions): Promise<string> {
  return await guardWrite(options.partsDir, async () => await bring(wanted, options));
}

async function bring(wanted: Wanted, options: DownloadOptions): Promise<string> {
  await mkdir(options.partsDir, { recursive: true });
  const part = await claimPart(options.partsDir, `${wanted.algorithm}-${wanted.digest}`);
  const findings: Finding[] = [];
  try {
    for (const address of wanted.addresses) {
      const finding = await tryAddress({ wanted, options, part }, address);
      if (finding === undefined) return part;
      findings.push(finding);
    }
    throw failure(wanted, findings);
  } catch (error) {
    releasePart(part);
    throw error;
  }
}

interface Attempt {
  readonly wanted: Wanted;
  readonly options: DownloadOptions;
  readonly part: string;
}

/** Undefined when the part is the file that was wanted. */
async function tryAddress(attempt: Attempt, address: Address): Promise<Finding | undefined> {
  try {
    const known = typeof address === 'string' ? address : await address(attempt.options.signal);
    const how = await persist(attempt, known);
    const wrong = await judge(attempt, known);
    // The part may have begun with another address's bytes, so what was resumed is no proof against this one.
    if (wrong === undefined || how === 'whole') return wrong;
    await persist(attempt, known);
    return await judge(attempt, known);
  } catch (error) {
    if (!(error instanceof Finding)) throw error;
    if (error.type === 'wrong-digest') await rm(attempt.part, { force: true });
    return error;
  }
}

/** Tries one address until it gives the file, refuses it, or has brought nothing further for several attempts. */
async function persist({ wanted, options, part }: Attempt, address: string): Promise<'whole' | 'resumed'> {
  const { signal, onProgress = () => {}, patience = PATIENCE } = options;
  const request = { address, part, maxBytes: wanted.size, stallMs: patience.stallMs, signal, onProgress };
  let furthest = await sizeOf(part);
  for (let futile = 1; ; futile += 1) {
    try {
      return await transfer(request);
    } catch (error) {
      const size = await sizeOf(part);
      if (size > furthest) futile = 1;
      furthest = Math.max(size, furthest);
      if (!(error instanceof Finding) || !error.transient || futile >= patience.attempts) throw error;
      await sleep(waitMs(futile, error, patience), undefined, { signal });
    }
  }
}

/** Doubles each time, and is never the same for two downloads that failed together. */
function waitMs(futile: number, { waitMs: asked = 0 }: Finding, { firstWaitMs }: Patience): number {
  const backOff = firstWaitMs * 2 ** (futile - 1) * (0.75 + Math.random() / 2);
  return Math.min(Math.max(backOff, asked), LONGEST_WAIT_MS);
}

/** Compares the part with what was wanted; a part that is something else is deleted. */
async function judge({ wanted, part }: Attempt, address: string): Promise<Finding | undefined> {
  const found = await digestOfFile(part, wanted.algorithm);
  if (found === wanted.digest) return undefined;
  const isPage = await looksLikePage(part);
  const size = await sizeOf(part);
  await rm(part);
  if (isPage) return new Finding('web-page', `${printAddress(address)} answered a web page`);
  if (wanted.size !== undefined && size < wanted.size)
    return new Finding('cut-off', `${printAddress(address)} ended after ${size} of ${wanted.size} bytes`);
  return new Finding(
    'wrong-digest',
    `expected ${NAME_OF[wanted.algorithm]} ${wanted.digest}, got ${found} from ${printAddress(address)}`,
  );
}

/** Into one buffer again and again: a stream leaves each chunk it read to the garbage collector, which is in no hurry. */
async function digestOfFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafe(1 << 18);
  await using file = await open(path);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
  }
}

async function looksLikePage(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
  return /^\s*<(!doctype html|html|head)/i.test(
    buffer.toString('latin1', 0, bytesRead).replace(/^\u00ef\u00bb\u00bf/, ''),
  );
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
