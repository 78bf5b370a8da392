/**
 * From a directory of this machine to where hosts read: targets first, then metadata that has a version in its name, and the timestamp last and
 * only over the one that this repository was made to follow. Until then nobody sees any of it; afterwards everybody sees all of it. A run
 * that was killed is begun again: what is there already is kept.
 */
import { BuildError } from '../errors.ts';
import { loadRepository } from './load.ts';
import { inParallel } from './parallel.ts';
import { FOREVER_SECONDS } from './place.ts';
import type { WritablePlace } from './place.ts';
import type { FleetPlan, PublishPlan } from './publish-plan.ts';
import type { TargetStep } from './publish-target-plan.ts';

const PARALLEL = 8;
const TIMESTAMP_AGE_SECONDS = 60;

export interface ApplyOptions {
  readonly targets: WritablePlace;
  readonly now: Date;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** @throws BuildError tuf/interleaved, tuf/changed-file, tuf/not-read-back */
export async function applyPublish({ targets, fleets }: PublishPlan, options: ApplyOptions): Promise<void> {
  const pending = targets.filter(({ what }) => what !== 'keep');
  const total = pending.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  // Also in the middle of a file: nobody waits for gigabytes after Ctrl-C.
  const count = (bytes: number): void => {
    options.signal.throwIfAborted();
    options.onProgress((done += bytes), total);
  };
  const write = async ({ path, file, copyOf }: TargetStep): Promise<void> => {
    options.signal.throwIfAborted();
    if (file === undefined) return;
    if (copyOf === undefined) await options.targets.writeFile(path, file, count);
    else await options.targets.writeCopy({ path, of: copyOf }, file, count);
  };
  const [sent, copied] = [
    pending.filter(({ copyOf }) => copyOf === undefined),
    pending.filter(({ copyOf }) => copyOf !== undefined),
  ];
  await inParallel(sent, PARALLEL, write);
  await inParallel(copied, PARALLEL, write);
  for (const plan of fleets) {
    options.signal.throwIfAborted();
    await applyFleet(plan, options.now);
  }
}

async function applyFleet({ place, repository, roles }: FleetPlan, now: Date): Promise<void> {
  for (const { path, what, role, condition } of roles) {
    if (what === 'keep') continue;
    const maxAgeSeconds = role.role === 'timestamp' ? TIMESTAMP_AGE_SECONDS : FOREVER_SECONDS;
    await place.writeBytes(path, role.bytes, {
      maxAgeSeconds,
      ...(condition === undefined ? {} : { onlyOver: condition }),
    });
  }
  const back = await loadRepository(place, { trusted: [repository.roots[0]], expiry: 'enforce', now });
  if (back !== 'absent' && Buffer.compare(back.timestamp.bytes, repository.timestamp.bytes) === 0) return;
  throw new BuildError('tuf/not-read-back', `Cannot read back what was published at ${place.address}`);
}
