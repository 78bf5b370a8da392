import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { runErrand } from '../recipe/errand.ts';
import { accessOf, addressBelow, addressOf } from '../recipe/repo-address.ts';
import { openRepo } from '../recipe/update-repo.ts';
import type { Address } from '../recipe/repo-address.ts';
import { formatBytes, formatTable } from '../report/format.ts';
import { invalidate } from '../tuf/cloudfront.ts';
import { joinAddress, openWritablePlace } from '../tuf/open-place.ts';
import { planPublish } from '../tuf/publish-plan.ts';
import type { Destination, PublishPlan } from '../tuf/publish-plan.ts';
import type { Step } from '../tuf/publish-target-plan.ts';
import { applyPublish } from '../tuf/publish.ts';
import type { RepoFlags } from './repo-flags.ts';
import { surroundingsOf } from './repo-flags.ts';
import type { Session } from './session.ts';

export interface PublishFlags extends RepoFlags {
  readonly from?: string;
  readonly to?: string;
  readonly plan?: boolean;
}

export async function publish(session: Session, flags: PublishFlags): Promise<void> {
  const repo = await openRepo(flags, surroundingsOf(session));
  const address = flags.to === undefined ? addressOf(repo) : addressBelow(flags.to, accessOf(flags, repo.config));
  const from = flags.from === undefined ? join(repo.outDir, 'latest') : fromDirectory(session, flags.from);
  const destination = await openDestination(address);
  const plan = await planPublish(from, destination, new Date());
  const shown = describePlan(plan);
  if (flags.plan === true)
    return session.result(`${shown}\nNothing was changed.`, { applied: false, ...planToJson(plan) });
  const errand = { id: 'repo/publish', title: `Publish to ${address.metadata}`, unit: 'bytes' } as const;
  await runErrand(session.sink, errand, async (onProgress) => {
    await applyPublish(plan, { targets: destination.targets, now: new Date(), signal: session.signal, onProgress });
    await dropCopies(plan, address, repo.config?.publish?.cloudfront);
  });
  session.result(`${shown}\nPublished, and read back.`, { applied: true, ...planToJson(plan) });
}

/** As typed, or as other verbs print it: below the checkout. */
function fromDirectory({ globals }: Session, from: string): string {
  return existsSync(from) ? resolve(from) : resolve(globals.directory, from);
}

async function openDestination({ metadata, targets, access }: Address): Promise<Destination> {
  return {
    metadata: (fleet) => openWritablePlace(joinAddress(metadata, fleet), access),
    targets: await openWritablePlace(targets, access),
  };
}

/** Only the timestamp changes under its name. */
async function dropCopies(
  { fleets }: PublishPlan,
  { metadata, access }: Address,
  distribution: string | undefined,
): Promise<void> {
  const changed = fleets.filter(({ roles }) =>
    roles.some(({ path, what }) => path === 'timestamp.json' && what !== 'keep'),
  );
  if (distribution === undefined || changed.length === 0) return;
  const prefix = new URL(metadata).pathname.replace(/^\/|\/$/g, '');
  const paths = changed.map(
    ({ fleet }) => `/${[prefix, fleet, 'timestamp.json'].filter((part) => part !== '').join('/')}`,
  );
  const reference = changed
    .map(({ repository }) => repository.timestamp.meta.hashes?.sha256 ?? '')
    .join('-')
    .slice(0, 128);
  await invalidate(distribution, { paths, reference }, access);
}

interface ShownStep extends Step {
  readonly copyOf?: string;
}

function stepsOf({ targets, fleets }: PublishPlan): readonly ShownStep[] {
  return [
    ...targets.map(({ what, path, size, copyOf }) => ({
      what,
      path: `targets/${path}`,
      size,
      ...(copyOf === undefined ? {} : { copyOf: `targets/${copyOf}` }),
    })),
    ...fleets.flatMap(({ fleet, roles }) =>
      roles.map(({ what, path, size }) => ({ what, path: `${fleet}/${path}`, size })),
    ),
  ];
}

function describePlan(plan: PublishPlan): string {
  const steps = stepsOf(plan);
  const shown = steps.filter(({ what }) => what !== 'keep');
  const kept = steps.length - shown.length;
  const table = formatTable(
    shown.map(({ what, path, size, copyOf }) => [
      `  ${what}`,
      path,
      copyOf === undefined ? formatBytes(size) : 'the same bytes',
    ]),
  );
  const bytes = shown.reduce((sum, { size, copyOf }) => sum + (copyOf === undefined ? size : 0), 0);
  return [
    ...(table === '' ? [] : [table]),
    `${shown.length} objects to write (${formatBytes(bytes)}), ${kept} are there already`,
  ].join('\n');
}

function planToJson(plan: PublishPlan): { steps: unknown } {
  return { steps: stepsOf(plan) };
}
