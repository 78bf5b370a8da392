import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import type { Command } from 'commander';

import { throwAll } from '../errors.ts';
import { moduleToBeSigned, withModuleSignature } from '../secure-boot/module.ts';
import { checkSignatures, openSigner } from '../secure-boot/signer.ts';
import { example } from './help.ts';
import { keyContextOf } from './key-context.ts';
import { namedProfile, profileFlag, type NamedProfileFlags } from './named-profile.ts';
import type { RunVerb, Session } from './session.ts';

interface SignModuleFlags extends NamedProfileFlags {
  readonly out?: string;
}

export function addSignModule(sbkeys: Command, run: RunVerb): void {
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

/** All of them, or none: what is no module is found before anything is signed. */
async function signModules(session: Session, files: readonly string[], flags: SignModuleFlags): Promise<void> {
  const profile = namedProfile(session, flags);
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
