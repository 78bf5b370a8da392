import type { Command } from 'commander';

import { assertSameImage, selectAmis } from '../aws/amis-file.ts';
import { validateAmis, validateBlocks } from '../aws/ami-validate.ts';
import { runSteps } from '../publish/steps.ts';
import { BuildError } from '../errors.ts';
import { example } from './help.ts';
import { openPublication } from './open-publication.ts';
import { addAmiFlags } from './publish-flags.ts';
import type { AmiFlags } from './publish-flags.ts';
import type { RunVerb } from './session.ts';
import { tellFindings } from './tell-findings.ts';

interface ValidateFlags extends AmiFlags {
  readonly junit?: string;
  readonly blocks?: boolean;
}

export function addAmiValidate(group: Command, run: RunVerb): void {
  addAmiFlags(group.command('validate'))
    .description('Compare amis.json with what is in each region; ends with status 2 where they differ')
    .option('--junit <file>', 'write the findings as JUnit XML, too')
    .option('--blocks', 'read every block of the snapshots of the first region, and compare them with the image')
    .addHelpText('after', example('ami validate --variant aws-dev', 'ami validate --variant aws-dev --junit amis.xml'))
    .action((flags: ValidateFlags) =>
      run(async (session) => {
        await using publication = await openPublication(session, flags);
        const { amisPath, disks, spec, regions, sink, signal, stateDir } = publication;
        const amis = selectAmis(amisPath, flags.regions);
        assertSameImage(amisPath, amis, disks);
        const findings = await validateAmis(publication, amis);
        const [region = ''] = publication.regionNames;
        const ami = amis[region];
        if (flags.blocks === true) {
          if (ami === undefined)
            throw new BuildError('aws/no-ami', `Cannot read blocks in ${region}: "${amisPath}" has no AMI there`);
          const facts = { region, account: '', calls: [], before: null, after: null, needs: [] };
          const step = { id: `read-back/${region}`, title: `Read the snapshots in ${region}`, ...facts };
          await runSteps('Validate', [step], {
            sink,
            signal,
            verb: 'ami validate',
            journalPath: `${stateDir}/journal.jsonl`,
            perform: async (_, voice) => {
              await validateBlocks(await regions.at(region), { spec, ami }, voice);
              return null;
            },
          });
        }
        tellFindings(session, findings, {
          suite: 'ami validate',
          junit: flags.junit,
          hint: 'Put it right (ami create, ami grant, ami revoke), or take the file for wrong',
        });
      }),
    );
}
