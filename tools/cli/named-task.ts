import type { Task } from '../graph/task.ts';
import { readBuildId } from '../recipe/build-id.ts';
import { findTask } from '../recipe/find-task.ts';
import { profileIfThere } from '../secure-boot/read-profile.ts';
import type { ProfileFlags } from './flags.ts';
import type { Bench } from './open-bench.ts';
import type { Session } from './session.ts';

/** The task that somebody names, one that follows a signature among them. @throws BuildError graph/unknown-task */
export async function namedTask({ host }: Session, bench: Bench, { id, sbkeys }: Named): Promise<Task> {
  const { dir } = bench.project;
  const profile = () => profileIfThere(dir, sbkeys, new Date());
  return await findTask(bench, { id, profile, buildId: await readBuildId(dir, host.home) });
}

interface Named extends ProfileFlags {
  readonly id: string;
}
