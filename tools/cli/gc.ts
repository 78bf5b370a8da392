import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { Store } from '../graph/store.ts';
import { formatBytes } from '../report/format.ts';
import { parseMemory } from './flags.ts';
import { example } from './help.ts';
import type { RunVerb } from './session.ts';

const MIB = 1024 * 1024;

export function addGc(program: Command, run: RunVerb): void {
  program
    .command('gc')
    .description('Shrink the store: results not used for longest go first')
    .requiredOption('--keep-size <size>', 'what may stay, such as 20GiB', parseKeepSize)
    .addHelpText('after', example('gc --keep-size 20GiB'))
    .action(({ keepSize }: { keepSize: number }) =>
      run(async ({ host, result }) => {
        await using store = await Store.open(host.cacheDir);
        const { freedBytes, keptBytes } = await store.gc({ keepSizeBytes: keepSize * MIB });
        result(`Freed ${formatBytes(freedBytes)}; ${formatBytes(keptBytes)} stay in ${host.cacheDir}`, {
          freedBytes,
          keptBytes,
        });
      }),
    );
}

function parseKeepSize(text: string): number {
  if (text === '0') return 0;
  try {
    return parseMemory(text);
  } catch {
    throw new InvalidArgumentError('Expected a size such as 20GiB, or 0.');
  }
}
