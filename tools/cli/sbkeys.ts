import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { formatTable } from '../report/format.ts';
import { AUTHORITIES, day, PUBLIC_FILES, SIGNERS, SIGNER_NAMES, type Profile } from '../secure-boot/profile.ts';
import { openSigner } from '../secure-boot/signer.ts';
import { example } from './help.ts';
import { keyContextOf } from './key-context.ts';
import { namedProfile, profileFlag, type NamedProfileFlags } from './named-profile.ts';
import { addGenerate } from './sbkeys-generate.ts';
import { addSignModule } from './sbkeys-sign-module.ts';
import type { RunVerb, Session } from './session.ts';

export function addSbkeys(program: Command, run: RunVerb): void {
  const sbkeys = program.command('sbkeys').description('Make and look at Secure Boot keys, in sbkeys/<profile>/');
  addGenerate(sbkeys, run);
  profileFlag(sbkeys.command('check'))
    .description('Check that a profile is whole, that its parts fit together, and that none has expired')
    .addHelpText('after', example('sbkeys check'))
    .action((flags: NamedProfileFlags) =>
      run(async (session) => {
        const profile = namedProfile(session, flags);
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
    .action((flags: NamedProfileFlags) => run(async (session) => show(session, namedProfile(session, flags))));
  profileFlag(sbkeys.command('export'))
    .description(
      'Copy the public half of a profile to a folder: for firmware, clouds, and builds whose keys are elsewhere',
    )
    .argument('<folder>')
    .addHelpText('after', example('sbkeys export /media/firmware'))
    .action((folder: string, flags: NamedProfileFlags) =>
      run(async (session) => exportPublic(session, namedProfile(session, flags), resolve(folder))),
    );
  addSignModule(sbkeys, run);
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
