import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import { parseDocument } from 'yaml';

import { BuildError } from '../errors.ts';
import { sha512Of } from '../go/pinned.ts';
import { fetchZip, TOOLCHAINS_FILE } from '../go/toolchain.ts';
import { HOSTS } from '../sdk/host.ts';
import { looseContext } from '../graph/run-context.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

export interface PinnedToolchain {
  readonly version: string;
  /** SHA-512 of the zip, by the machine that compiles. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Fetches a Go for every machine that can compile, and adds it to those that programs may name. */
export async function pinToolchain(bench: Workbench, version: string): Promise<PinnedToolchain> {
  if (!/^\d+\.\d+(\.\d+)?$/.test(version)) {
    throw new BuildError('cli/bad-version', `Cannot pin Go "${version}": expected a version such as 1.26.8`);
  }
  const { root } = bench.sources.toolchains;
  const inputs = await runPhase(bench, 'Prepare Go', root.tasks);
  const layers = root.layers(inputs).map((layer) => bench.store.pathOf(layer));
  const digests: Record<string, string> = {};
  for (const arch of HOSTS) {
    await using work = bench.store.makeWorkDir();
    const zip = await fetchZip(
      { version, arch, layers },
      bench.sources.workshop,
      looseContext(work.path, bench.limits),
    );
    digests[arch] = await sha512Of(zip);
  }
  write(version, digests);
  return { version, digests };
}

function write(version: string, digests: Readonly<Record<string, string>>): void {
  const document = parseDocument(readFileSync(TOOLCHAINS_FILE, 'utf8'));
  document.set(version, digests);
  const aside = `${TOOLCHAINS_FILE}.part`;
  writeFileSync(aside, document.toString({ lineWidth: 0 }));
  renameSync(aside, TOOLCHAINS_FILE);
}
