import { Argument, Option } from 'commander';
import type { Command } from 'commander';

import { looseContext } from '../graph/run-context.ts';
import { runPhase } from '../recipe/workbench.ts';
import { TOOL_ROOTS } from '../sdk/definition.ts';
import type { ToolRootName } from '../sdk/definition.ts';
import { HOSTS } from '../sdk/host.ts';
import type { Host } from '../sdk/host.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { updateLock } from '../sdk/update.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb } from './session.ts';

export function addSdk(program: Command, run: RunVerb): void {
  const sdk = program.command('sdk').description('Look at the tool roots, or lock newer tools');
  sdk
    .command('path')
    .description('Print where a tool root is unpacked, after bringing it')
    .addArgument(new Argument('[root]', 'which root').choices(TOOL_ROOTS).default('sdk'))
    .addHelpText('after', example('sdk path vm'))
    .action((name: ToolRootName) =>
      run(async (session) => {
        await using bench = await openBench(session);
        const root = toolRoot(name, { ...bench.supply, sandbox: bench.sandbox });
        const result = await runPhase(bench, `Prepare ${name}`, root.tasks);
        const paths = root.layers(result).map((layer) => bench.store.pathOf(layer));
        session.result(paths.join('\n'), { name, layers: paths });
      }),
    );
  sdk
    .command('update')
    .description('Solve what a tool root asks for against the archive of today, and rewrite its lock')
    .addArgument(new Argument('[root]', 'which root').choices(TOOL_ROOTS).default('sdk'))
    .addOption(new Option('--host <host>', 'only for machines of this kind').choices(HOSTS))
    .addHelpText('after', example('sdk update', 'sdk update vm', 'sdk update --host arm64'))
    .action((name: ToolRootName, { host: only }: { readonly host?: Host }) =>
      run(async (session) => {
        await using bench = await openBench(session);
        // What is locked may answer an older request: that is why one updates.
        const last = toolRoot('sdk', { ...bench.supply, sandbox: bench.sandbox }, { rule: 'any-lock' });
        const result = await runPhase(bench, 'Prepare apt', last.tasks);
        const [tools] = last.layers(result);
        if (tools === undefined) throw new TypeError('a tool root has a layer');
        await using work = bench.store.makeWorkDir();
        const options = {
          name,
          root: bench.store.pathOf(tools),
          mirrors: await bench.supply.mirrors(),
          now: new Date(),
        };
        const locks = [];
        for (const host of only === undefined ? HOSTS : [only]) {
          const { date, packages } = await updateLock({ ...options, host }, looseContext(work.path, bench.limits));
          locks.push({ host, date, packages: packages.length });
        }
        const lines = locks.map(
          ({ host, date, packages }) => `Locked ${packages} packages of "${name}" for ${host} as of ${date}`,
        );
        session.result(lines.join('\n'), { name, locks });
      }),
    );
}
