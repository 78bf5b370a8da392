/** Our client: tuf-js, which reads what we write by somebody else's code, over any place. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Updater } from 'tuf-js';
import type { Fetcher } from 'tuf-js';
import { DownloadHTTPError } from 'tuf-js/dist/error.js';

import { BuildError } from '../errors.ts';
import { makeTargetsLinear } from './linear-targets.ts';
import type { Place } from './place.ts';

makeTargetsLinear();

/** No server: the part of an address that tuf-js puts before a file's name. */
const BASE = 'https://repository.invalid/';
const NOT_FOUND = 404;
const FORBIDDEN = 403;

export interface ClientOptions {
  readonly place: Place;
  /** The root that is trusted. Ignored once the state has a newer one. */
  readonly root: Uint8Array;
  /** Where it remembers what it saw: against older metadata than that, which has valid signatures too. */
  readonly stateDir: string;
}

/** @throws BuildError tuf/refused-by-client */
export async function openClient({ place, root, stateDir }: ClientOptions): Promise<Updater> {
  mkdirSync(stateDir, { recursive: true });
  const trusted = join(stateDir, 'root.json');
  // Whatever a killed run has left half written begins again where trust does: the walk from there ends at the same root.
  if (!isWhole(trusted)) {
    writeFileSync(`${trusted}.part`, root);
    renameSync(`${trusted}.part`, trusted);
  }
  const updater = new Updater({
    metadataDir: stateDir,
    metadataBaseUrl: BASE,
    targetDir: stateDir,
    targetBaseUrl: BASE,
    fetcher: new PlaceFetcher(place),
  });
  try {
    await updater.refresh();
  } catch (cause) {
    throw new BuildError('tuf/refused-by-client', `Cannot trust repository ${place.address}`, { cause });
  }
  return updater;
}

function isWhole(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

class PlaceFetcher implements Fetcher {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  /** tuf-js takes 403 and 404 for a root to mean that there is no newer one: a bucket that may not be listed answers so. */
  async downloadBytes(url: string, maxLength: number): Promise<Buffer> {
    const path = url.slice(BASE.length);
    const shown = `${this.#place.address.replace(/\/$/, '')}/${path}`;
    const found = await this.#place.read(path, maxLength).catch((error: unknown) => {
      const refused = error instanceof BuildError && error.code === 'tuf/refused' && /^\d+\.root\.json$/.test(path);
      throw refused ? new DownloadHTTPError(`${shown} may not be read`, FORBIDDEN) : error;
    });
    if (found === undefined) throw new DownloadHTTPError(`${shown} is not there`, NOT_FOUND);
    return Buffer.from(found.bytes);
  }

  downloadFile<T>(): Promise<T> {
    return Promise.reject(new TypeError('Targets are brought by download.ts, which goes on where it was'));
  }
}
