import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import type { Command } from 'commander';

import { signingKeysSchema } from '../config/sbkeys.ts';
import { readManifest } from '../config/yaml.ts';
import { throwAll, type BuildError } from '../errors.ts';
import { runPhase } from '../recipe/workbench.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { efiVarsTask } from '../secure-boot/efi-vars.ts';
import { generateProfile } from '../secure-boot/generate.ts';
import type { KeptKeys } from '../secure-boot/make-keys.ts';
import { EFI_VARS, profileDir } from '../secure-boot/profile.ts';
import { openKeys } from '../secure-boot/signer.ts';
import { example } from './help.ts';
import { keyContextOf } from './key-context.ts';
import { profileFlag, type NamedProfileFlags } from './named-profile.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface GenerateFlags extends NamedProfileFlags {
  readonly passphraseFile?: string;
  readonly keys?: string;
}

export function addGenerate(sbkeys: Command, run: RunVerb): void {
  profileFlag(sbkeys.command('generate'))
    .description('Make a profile: what firmware, shim and GRUB are to trust, and the keys that sign for it')
    .option('--passphrase-file <file>', "lock the authorities' keys by the first line of a file")
    .option('--keys <file>', 'use the keys of a KMS or a token that this file names, in place of new ones: a keys.yaml')
    .addHelpText(
      'after',
      example(
        'sbkeys generate',
        'sbkeys generate --profile release --passphrase-file /media/passphrase --keys release-keys.yaml',
      ),
    )
    .action((flags: GenerateFlags) => run((session) => generate(session, flags)));
}

async function generate(session: Session, flags: GenerateFlags): Promise<void> {
  const kept = flags.keys === undefined ? undefined : await openKept(session, flags, resolve(flags.keys));
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
    kept,
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

/** Paths in the file are relative to the profile's folder, where it will be. */
async function openKept(session: Session, { profile }: NamedProfileFlags, file: string): Promise<KeptKeys> {
  const errors: BuildError[] = [];
  const sources = readManifest(file, signingKeysSchema, errors);
  throwAll(errors);
  if (sources === undefined) throw new TypeError('a file without complaints has a value');
  const dir = profileDir(session.globals.directory, profile);
  return { keys: await openKeys(sources, { ...keyContextOf(session), dir }), sources: readFileSync(file, 'utf8') };
}
