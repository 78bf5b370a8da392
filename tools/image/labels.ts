/** SELinux labels of the files of an image, as the installed policy has them. */
import type { Inputs, Output, Task } from '../graph/task.ts';

const CONTEXTS = 'file_contexts';

/** The script that puts a label on each entry of a tar, and what it sees: libselinux's own two files. */
export const LABEL_SCRIPT = 'label.py';

export function labelFiles(inputs: Inputs, install: Task): Record<string, Output> {
  return Object.fromEntries([CONTEXTS, `${CONTEXTS}.subs_dist`].map((name) => [name, inputs.output(install, name)]));
}

/** Whether a policy is installed: a kernel that enforces does not start init without one. */
export function hasPolicy(inputs: Inputs, install: Task): boolean {
  return inputs.output(install, CONTEXTS).digest.size > 0;
}
