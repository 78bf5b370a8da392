import { join } from 'node:path';

import type { AwsConfig } from '../config/infra-aws.ts';
import { BuildError, BuildErrors, throwAll } from '../errors.ts';
import type { EventSink } from '../graph/events.ts';
import type { ImageSpec } from './image-spec.ts';
import type { Region, Regions } from './region.ts';

/** Everything a verb that publishes an image works with. */
export interface Publication {
  readonly spec: ImageSpec;
  readonly config: AwsConfig;
  /** The first one is the base: snapshots are made there. */
  readonly regionNames: readonly string[];
  readonly regions: Regions;
  /** Journals: what publishers have to remember. */
  readonly stateDir: string;
  readonly amisPath: string;
  readonly sink: EventSink;
  readonly signal: AbortSignal;
}

export function baseRegion({ regionNames }: Pick<Publication, 'regionNames'>): string {
  const [base] = regionNames;
  if (base === undefined) throw new TypeError('a publication has a region');
  return base;
}

export function snapshotJournalPath({ stateDir }: Publication, region: string, sha256: string): string {
  return join(stateDir, 'snapshots', `${region}-${sha256.slice(0, 32)}.jsonl`);
}

export function journalPath({ stateDir }: Pick<Publication, 'stateDir'>): string {
  return join(stateDir, 'journal.jsonl');
}

/** Asks every region at once. What failed is told together, when all have answered. */
export async function inEachRegion<T>(
  { regionNames, regions }: Pick<Publication, 'regionNames' | 'regions'>,
  ask: (at: Region) => Promise<T>,
): Promise<readonly T[]> {
  return await allOf(regionNames.map(async (name) => await ask(await regions.at(name))));
}

/**
 * Like Promise.all(), but what fails is thrown when all have ended: a run that is over has no call under way.
 * @throws BuildErrors
 */
export async function allOf<T>(work: Iterable<Promise<T>>): Promise<readonly T[]> {
  const answers = await Promise.allSettled(work);
  throwRejected(answers);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}

/** @throws BuildErrors all that was thrown, each once */
export function throwRejected(answers: readonly PromiseSettledResult<unknown>[]): void {
  const thrown: unknown[] = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason as unknown] : [],
  );
  const bug = thrown.find((error) => !(error instanceof BuildError || error instanceof BuildErrors));
  if (bug !== undefined) throw bug instanceof Error ? bug : new TypeError('expected an error', { cause: bug });
  throwAll(thrown.flatMap(flatten));
}

function flatten(error: unknown): readonly BuildError[] {
  if (error instanceof BuildErrors) return error.errors;
  return error instanceof BuildError ? [error] : [];
}
