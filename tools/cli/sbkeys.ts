import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

import type { Command } from 'commander';

import { signingKeysSchema } from '../config/sbkeys.ts';
import { readManifest } from '../config/yaml.ts';
import { throwAll, type BuildError } from '../errors.ts';
import { runPhase } from '../recipe/workbench.ts';
import { formatTable } from '../report/format.ts';
import { toolRoot } from '../sdk/tool-root.ts';
import { efiVarsTask } from '../secure-boot/efi-vars.ts';
import { generateProfile } from '../secure-boot/generate.ts';
import type { KeptKeys } from '../secure-boot/generate.ts';
import { moduleToBeSigned, withModuleSignature } from '../secure-boot/module.ts';
import { checkSignatures, openKeys, openSigner } from '../secure-boot/signer.ts';
import {
  AUTHORITIES,
  day,
  EFI_VARS,
  profileDir,
  PUBLIC_FILES,
  readProfile,
  SIGNERS,
  SIGNER_NAMES,
} from '../secure-boot/profile.ts';
import type { Profile } from '../secure-boot/profile.ts';
import { example } from './help.ts';
import { keyContextOf } from './key-context.ts';
import { openBench } from './open-bench.ts';
import type { RunVerb, Session } from './session.ts';

interface Flags {
  readonly profile: string;
}

interface GenerateFlags extends Flags {
  readonly passphraseFile?: string;
  readonly keys?: string;
}

export function addSbkeys(program: Command, run: RunVerb): void {
  const sbkeys = program.command('sbkeys').description('Make and look at Secure Boot keys, in sbkeys/<profile>/');
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
  profileFlag(sbkeys.command('check'))
    .description('Check that a profile is whole, that its parts fit together, and that none has expired')
    .addHelpText('after', example('sbkeys check'))
    .action((flags: Flags) =>
      run(async (session) => {
        const profile = read(session, flags);
        if (profile.keys === 'kept') await openSigner(profile, keyContextOf(session));
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
  addSignModule(sbkeys, run);
}

function addSignModule(sbkeys: Command, run: RunVerb): void {
  profileFlag(sbkeys.command('sign-module'))
    .description('Sign kernel modules, so that a signed image loads them under lockdown where Secure Boot is enforced')
    .argument('<module...>', 'files (.ko); a signature that is there is replaced')
    .option('--out <folder>', 'where the signed ones go, in place of the files themselves')
    .addHelpText(
      'after',
      example('sbkeys sign-module falco.ko', 'sbkeys sign-module *.ko --profile release --out signed'),
    )
    .action((files: readonly string[], flags: SignModuleFlags) => run((session) => signModules(session, files, flags)));
}

function profileFlag(command: Command): Command {
  return command.option('--profile <name>', 'the profile, a folder below sbkeys/', 'local');
}

function read({ globals }: Session, { profile }: Flags): Profile {
  return readProfile(globals.directory, profile, new Date());
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
async function openKept(session: Session, { profile }: Flags, file: string): Promise<KeptKeys> {
  const errors: BuildError[] = [];
  const sources = readManifest(file, signingKeysSchema, errors);
  throwAll(errors);
  if (sources === undefined) throw new TypeError('a file without complaints has a value');
  const dir = profileDir(session.globals.directory, profile);
  return { keys: await openKeys(sources, { ...keyContextOf(session), dir }), sources: readFileSync(file, 'utf8') };
}

interface SignModuleFlags extends Flags {
  readonly out?: string;
}

/** All of them, or none: what is no module is found before anything is signed. */
async function signModules(session: Session, files: readonly string[], flags: SignModuleFlags): Promise<void> {
  const profile = read(session, flags);
  const modules = files.map((file) => ({ file, bare: moduleToBeSigned(readFileSync(file), file) }));
  const sign = await openSigner(profile, keyContextOf(session));
  const items = modules.map(({ file, bare }) => ({ name: file, key: 'code-sign' as const, toBeSigned: bare }));
  const signatures = await sign(items);
  throwAll(checkSignatures(profile, items, signatures));
  if (flags.out !== undefined) mkdirSync(flags.out, { recursive: true });
  const signed = modules.map(({ file, bare }) => {
    const path = flags.out === undefined ? file : join(flags.out, basename(file));
    const signature = signatures.get(file) ?? Buffer.alloc(0);
    writeFileSync(`${path}.part`, withModuleSignature(bare, { certificate: profile.signers['code-sign'], signature }));
    renameSync(`${path}.part`, path);
    return path;
  });
  session.result(`Signed ${signed.join(', ')} by code-sign of "${profile.name}"`, { profile: profile.name, signed });
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
