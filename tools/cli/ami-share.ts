import type { Command } from 'commander';

import { assertSameImage, readAmis, selectAmis } from '../aws/amis-file.ts';
import { EVERYBODY, permissionText } from '../aws/permissions.ts';
import type { Direction, Permission } from '../aws/permissions.ts';
import { planSharing } from '../aws/sharing-plan.ts';
import { performSharing } from '../aws/sharing.ts';
import { BuildError } from '../errors.ts';
import { describeAmis } from './ami-create.ts';
import { example } from './help.ts';
import { openUpkeep } from './open-publication.ts';
import { addPublishFlags, addWhoFlags, readWho } from './publish-flags.ts';
import type { PublishFlags, WhoFlags } from './publish-flags.ts';
import { runPlan } from './run-plan.ts';
import type { RunVerb, Session } from './session.ts';

interface ShareFlags extends PublishFlags, WhoFlags {
  readonly dryRun?: boolean;
}

export function addAmiShare(ami: Command, run: RunVerb): void {
  for (const direction of ['grant', 'revoke'] as const) {
    const order = direction === 'grant' ? 'snapshots first, then AMIs' : 'AMIs first, then snapshots';
    addWhoFlags(addPublishFlags(ami.command(direction)))
      .description(
        `${direction === 'grant' ? 'Let others start the AMIs' : 'Take that back'}: ${order}, in all regions`,
      )
      .option('--dry-run', 'print what would change, and change nothing')
      .addHelpText('after', example(`ami ${direction} --variant aws-dev --accounts 111122223333`))
      .action((flags: ShareFlags) =>
        run((session) => share(session, flags, { direction, permissions: readWho(flags) })),
      );
  }
  for (const [verb, direction] of [
    ['public', 'grant'],
    ['private', 'revoke'],
  ] as const) {
    addPublishFlags(ami.command(verb))
      .description(verb === 'public' ? 'Let everybody start the AMIs' : 'Let not everybody start the AMIs any more')
      .option('--dry-run', 'print what would change, and change nothing')
      .addHelpText('after', example(`ami ${verb} --variant aws-dev`))
      .action((flags: ShareFlags) => run((session) => share(session, flags, { direction, permissions: [EVERYBODY] })));
  }
}

export async function share(
  session: Session,
  flags: ShareFlags,
  change: { readonly direction: Direction; readonly permissions: readonly Permission[] },
): Promise<void> {
  if (change.permissions.length === 0)
    throw new BuildError(
      'cli/nobody',
      `Cannot tell with whom: expected --accounts, --groups, --organizations or --organizational-units`,
    );
  await using opened = await openUpkeep(session, flags);
  const amis = selectAmis(opened.amisPath, flags.regions);
  assertSameImage(opened.amisPath, amis, opened.disks);
  const upkeep = { ...opened, regionNames: Object.keys(amis) };
  warnOfOrganizations(session, change);
  await runPlan(session, upkeep, {
    verb: `ami ${change.direction}`,
    mode: flags.dryRun === true ? 'print' : 'apply',
    steps: await planSharing(upkeep, amis, change),
    perform: async (step) => await performSharing(upkeep, change.direction, step),
    done: () => describeAmis(readAmis(opened.amisPath)),
  });
}

function warnOfOrganizations(
  { sink }: Session,
  { direction, permissions }: { direction: Direction; permissions: readonly Permission[] },
): void {
  const [first] = permissions.filter((one) => 'organizationarn' in one || 'organizationalunitarn' in one);
  if (first === undefined || direction === 'revoke') return;
  sink({
    type: 'warning',
    message: `Snapshots cannot be shared with ${permissionText(first)}: its accounts can start the AMI, but not copy it`,
    hint: 'Grant it to those --accounts, too, that copy it',
  });
}
