import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { runPhase } from '../recipe/workbench.ts';
import { formatTable } from '../report/format.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { efiVarsTask } from '../secure-boot/efi-vars.ts';
import { generateProfile } from '../secure-boot/generate.ts';
import {
  AUTHORITIES,
  day,
  EFI_VARS,
  PUBLIC_FILES,
  readProfile,
  SIGNERS,
  SIGNER_NAMES,
} from '../secure-boot/profile.ts';
import type { Profile } from '../secure-boot/profile.ts';
import { example } from './help.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface Flags {
  readonly profile: string;
}

export function addSbkeys(program: Command, run: RunVerb): void {
  const sbkeys = program.command('sbkeys').description('Make and look at Secure Boot keys, in sbkeys/<profile>/');
  profileFlag(sbkeys.command('generate'))
    .description('Make a profile: what firmware, shim and GRUB are to trust, and the keys that sign for it')
    .option('--passphrase-file <file>', "lock the authorities' keys by the first line of a file")
    .addHelpText(
      'after',
      example('sbkeys generate', 'sbkeys generate --profile release --passphrase-file /media/passphrase'),
    )
    .action((flags: Flags & { passphraseFile?: string }) => run((session) => generate(session, flags)));
  profileFlag(sbkeys.command('check'))
    .description('Check that a profile is whole, that its parts fit together, and that none has expired')
    .addHelpText('after', example('sbkeys check'))
    .action((flags: Flags) =>
      run(async (session) => {
        const profile = read(session, flags);
        session.result(`Profile "${profile.name}" is sound; its keys are ${profile.keys}`, {
          profile: profile.name,
          keys: profile.keys,
        });
      }),
    );
  profileFlag(sbkeys.command('show'))
    .description('Print what is in a profile')
    .addHelpText('after', example('sbkeys show'))
    .action((flags: Flags) => run(async (session) => show(session, read(session, flags))));
  profileFlag(sbkeys.command('export'))
    .description(
      'Copy the public half of a profile to a folder: for firmware, clouds, and builds whose keys are elsewhere',
    )
    .argument('<folder>')
    .addHelpText('after', example('sbkeys export /media/firmware'))
    .action((folder: string, flags: Flags) =>
      run(async (session) => exportPublic(session, read(session, flags), resolve(folder))),
    );
}

function profileFlag(command: Command): Command {
  return command.option('--profile <name>', 'the profile, a folder below sbkeys/', 'local');
}

function read({ globals }: Session, { profile }: Flags): Profile {
  return readProfile(globals.directory, profile, new Date());
}

async function generate(session: Session, flags: Flags & { passphraseFile?: string }): Promise<void> {
  await using bench = await openBench(session);
  const vm = toolRoot('vm', { ...bench.supply, sandbox: bench.sandbox });
  const result = await runPhase(bench, 'Prepare tools', [...bench.imageTools.tasks, ...vm.tasks]);
  const [tools] = bench.imageTools.layers(result);
  if (tools === undefined) throw new TypeError('a tool root has a layer');
  const { dir, authoritiesDir } = await generateProfile({
    projectDir: bench.project.dir,
    profile: flags.profile,
    organisation: bench.project.release['pretty-name'],
    passphraseFile: flags.passphraseFile === undefined ? undefined : resolve(flags.passphraseFile),
    tools: bench.store.pathOf(tools),
    variables: async (certificates) => {
      const task = efiVarsTask({ sandbox: bench.sandbox, tools: vm }, certificates);
      const made = await runPhase(bench, 'Make UEFI variables', [task]);
      const files = Object.values(EFI_VARS);
      return Object.fromEntries(files.map((file) => [file, readFileSync(bench.store.pathOf(made.output(task, file)))]));
    },
  });
  session.result(
    `Made the keys "${flags.profile}" in ${dir}\n` +
      `The authorities' private keys are in ${authoritiesDir}: no build needs them, so keep them elsewhere`,
    { profile: flags.profile, dir, authoritiesDir },
  );
}

function show(session: Session, profile: Profile): void {
  const rows = [
    ...AUTHORITIES.map((name) => ({ name, certificate: profile.certificates[name], signedBy: 'itself' })),
    ...SIGNER_NAMES.map((name) => ({ name, certificate: profile.signers[name], signedBy: SIGNERS[name] })),
  ].map(({ name, certificate, signedBy }) => ({
    name,
    subject: certificate.subject.replace(/^CN=/, ''),
    signedBy,
    until: day(certificate.validToDate),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  }));
  const table = formatTable(
    rows.map((row) => [row.name, row.subject, `by ${row.signedBy}`, `until ${row.until}`, row.sha256]),
  );
  session.result(`Profile "${profile.name}", its private keys ${profile.keys}:\n${table}`, {
    profile: profile.name,
    keys: profile.keys,
    certificates: rows,
  });
}

/** Everything but keys, and each certificate once more in the form that firmware's menus take. */
function exportPublic(session: Session, profile: Profile, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of PUBLIC_FILES) cpSync(join(profile.dir, file), join(folder, file));
  const forms = (['PK', 'KEK', 'db'] as const).map((name) => [`${name}.cer`, profile.certificates[name].raw] as const);
  for (const [file, content] of forms) writeFileSync(join(folder, file), content);
  const files = [...PUBLIC_FILES, ...forms.map(([file]) => file)];
  session.result(`Copied ${files.join(', ')} to ${folder}`, { profile: profile.name, folder, files });
}
