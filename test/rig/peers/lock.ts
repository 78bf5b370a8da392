import { writeFile } from 'node:fs/promises';

import { looseContext } from '../../../tools/graph/run-context.ts';
import { lockRequirements, REQUIREMENTS } from './python.ts';
import { openTestRoot } from './root.ts';

/** Writes requirements.txt anew: run it by `npx tsx` when a peer is to become newer. */
const WANTED = ['ministack', 'tuf'];

await using opened = await openTestRoot('peers');
await using work = opened.store.makeWorkDir();
const context = looseContext(work.path, { signal: new AbortController().signal, cores: 1 });
const lines = await lockRequirements(opened.store.pathOf(opened.layer), WANTED, context);
await writeFile(
  REQUIREMENTS,
  `# Written by test/rig/peers/lock.ts: ${WANTED.join(', ')} and what they need, for Python 3.13.\n${lines}`,
);
