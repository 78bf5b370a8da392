import { join, relative } from 'node:path';

import { quoteCommand } from '../process/command.ts';
import type { Host } from './host.ts';

/** How this program was called, up to its verb: a command we print can be pasted into the same shell. */
export function invocation({ projectDir }: Host, directory: string): string {
  const elsewhere = directory === projectDir ? [] : ['-C', directory];
  return quoteCommand(['npx', 'tsx', relative('', join(projectDir, 'Makefile.ts')), ...elsewhere]);
}
