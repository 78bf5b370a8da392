import { programOf } from '../sandbox/program.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import type { Supply } from '../sources/supply.ts';
import { runPhase } from './workbench.ts';
import type { Workbench } from './workbench.ts';

/** The start of a command line that runs pkcs11-tool, out of a tool root but on this machine: the token is here. */
export async function preparePkcs11Tool(bench: Workbench & { readonly supply: Supply }): Promise<readonly string[]> {
  const root = toolRoot('hsm', { ...bench.supply, sandbox: bench.sandbox });
  const [layer] = root.layers(await runPhase(bench, 'Prepare pkcs11-tool', root.tasks));
  if (layer === undefined) throw new TypeError('a tool root has a layer');
  return programOf(bench.store.pathOf(layer), 'usr/bin/pkcs11-tool');
}
