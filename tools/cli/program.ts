import { Command } from 'commander';

import { addAmi } from './ami.ts';
import { addBuild } from './build.ts';
import { addClean } from './clean.ts';
import { addDoctor } from './doctor.ts';
import { addExplain } from './explain.ts';
import { addFetch } from './fetch.ts';
import { addGc } from './gc.ts';
import type { Host } from './host.ts';
import { addList } from './list.ts';
import { addPcrs } from './pcrs.ts';
import { addPlan } from './plan.ts';
import { addRelease } from './release.ts';
import { addRepo } from './repo.ts';
import { addRepack } from './repack.ts';
import { addRoot } from './root.ts';
import { addRun } from './run.ts';
import { addSbkeys } from './sbkeys.ts';
import { addSchema } from './schema.ts';
import { addSdk } from './sdk.ts';
import { EXIT, runSession } from './session.ts';
import type { Globals, RunVerb, Verb } from './session.ts';
import { addShell } from './shell.ts';
import { addSsm } from './ssm.ts';
import { addSign } from './sign.ts';
import { addSources } from './sources.ts';
import { addVsphere } from './vsphere.ts';

const VERBS: readonly Verb[] = [
  addBuild,
  addPlan,
  addExplain,
  addRun,
  addRepo,
  addRoot,
  addShell,
  addFetch,
  addList,
  addDoctor,
  addGc,
  addClean,
  addAmi,
  addSsm,
  addVsphere,
  addRelease,
  addSign,
  addRepack,
  addPcrs,
  addSbkeys,
  addSources,
  addSdk,
  addSchema,
];

/** The command line. `status` is the exit status once it has been parsed. */
export function makeProgram(host: Host): { program: Command; status: () => number } {
  const program = new Command('npx tsx Makefile.ts')
    .description('Builds immutable operating systems that host containers: sources to packages to a bootable image.')
    .option('--json', 'print events and results as JSON, one a line', false)
    .option('--no-color', 'print without colour')
    .option('-C, --directory <dir>', 'work on the checkout in <dir>', host.projectDir)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void host.streams.out.write(text),
      writeErr: (text) => void host.streams.err.write(text),
    });
  let status: number = EXIT.ok;
  const run: RunVerb = async (work) => {
    status = await runSession(host, program.opts<Globals>(), work);
  };
  for (const add of VERBS) add(program, run);
  return { program, status: () => status };
}
