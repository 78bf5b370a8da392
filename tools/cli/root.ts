import { Option } from 'commander';
import type { Command } from 'commander';

import { parseCount } from './flags.ts';
import { example } from './help.ts';
import type { InitFlags, RotateFlags } from './root-begin.ts';
import type { AddKeyFlags, ExpireFlags, RemoveKeyFlags, ThresholdFlags } from './root-edits.ts';
import type { MakeKeyFlags } from './root-make-key.ts';
import type { ExportFlags, ImportFlags, SignFlags } from './root-sign.ts';
import type { RootFlags } from './root-tell.ts';
import type { RunVerb, Session } from './session.ts';

const ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
const KEY = 'file:<pem>, aws-kms:<id>, aws-ssm:<parameter> or pkcs11:<uri>';

type AddVerb = (name: string, description: string) => Command;
type Work<F> = (session: Session, flags: F) => Promise<void>;
/** The work of a verb, loaded when it is asked for. */
type Act = <F>(load: () => Promise<Work<F>>) => (flags: F) => Promise<void>;

/** The ceremony of root keys. */
export function addRoot(program: Command, run: RunVerb): void {
  const root = program
    .command('root')
    .description('Make, change and sign the root role of a repository: who may sign what');
  const verb: AddVerb = (name, description) =>
    root
      .command(name)
      .description(description)
      .option('--repo <name>', 'repository of Infra.yaml; the only one there, or "default", unless told')
      .option('--infra <file>', "another file than the checkout's Infra.yaml");
  const act: Act = (load) => (flags) => run(async (session) => await (await load())(session, flags));
  addMakeKey(root, act);
  addBeginnings(verb, act);
  addEdits(verb, act);
  addSigning(verb, act);
}

function addMakeKey(root: Command, act: Act): void {
  root
    .command('make-key')
    .description('Make a key pair in files, where it is to be in no token and no service')
    .requiredOption('--out <file>', 'where to: the private half, and beside it the public one in .pub.pem')
    .addOption(new Option('--type <type>', 'of which kind').choices(['ed25519', 'rsa', 'p256']).default('ed25519'))
    .option('--passphrase-file <file>', 'file with the passphrase to encrypt it by; asked for at a terminal')
    .addHelpText('after', example('root make-key --out /media/usb/alice.pem'))
    .action(act<MakeKeyFlags>(async () => (await import('./root-make-key.ts')).makeKey));
}

function addBeginnings(verb: AddVerb, act: Act): void {
  verb('init', 'Begin the first root of a repository')
    .option('--expires <when>', 'a moment, or an offset', '52 weeks')
    .addHelpText('after', example('root init', 'root init --repo acme --expires 2031-01-01T00:00:00Z'))
    .action(act<InitFlags>(async () => (await import('./root-begin.ts')).init));
  verb('rotate', 'Begin the next root on top of the newest, with the same keys, or with others in their place')
    .option('--expires <when>', 'a moment, or an offset', '52 weeks')
    .option('--replace <key-id>', 'a key to put another in the place of, in every role that has it')
    .option('--with <key>', `the key that takes its place: ${KEY}`)
    .addHelpText('after', example('root rotate', 'root rotate --replace 3fa1c0 --with file:keys/root-2.pub.pem'))
    .action(act<RotateFlags>(async () => (await import('./root-begin.ts')).rotate));
  verb('show', 'Say what the newest root and the one in the making hold, and whose signatures are lacking')
    .addHelpText('after', example('root show'))
    .action(act<RootFlags>(async () => (await import('./root-tell.ts')).show));
}

function addEdits(verb: AddVerb, act: Act): void {
  verb('add-key', 'Let a key sign for roles')
    .requiredOption('--key <key>', `${KEY}; a file may hold the public half alone`)
    .addOption(new Option('--role <roles...>', 'for which roles').choices(ROLES).makeOptionMandatory())
    .addHelpText(
      'after',
      example(
        'root add-key --role root --key file:keys/alice.pub.pem',
        'root add-key --role targets snapshot timestamp --key aws-kms:alias/online',
      ),
    )
    .action(act<AddKeyFlags>(async () => (await import('./root-edits.ts')).addKey));
  verb('remove-key', 'Let a key sign no more')
    .requiredOption('--key-id <id>', 'the key, by the start of its id')
    .addOption(new Option('--role <roles...>', 'for which roles; all unless told').choices(ROLES))
    .addHelpText('after', example('root remove-key --key-id 3fa1c0'))
    .action(act<RemoveKeyFlags>(async () => (await import('./root-edits.ts')).removeKey));
  verb('set-threshold', 'Say how many keys of a role have to sign')
    .addOption(new Option('--role <role>', 'which role').choices(ROLES).makeOptionMandatory())
    .requiredOption('--threshold <n>', 'how many', parseCount)
    .addHelpText('after', example('root set-threshold --role root --threshold 2'))
    .action(act<ThresholdFlags>(async () => (await import('./root-edits.ts')).threshold));
  verb('expire', 'Say until when the root is good')
    .requiredOption('--expires <when>', 'a moment, or an offset')
    .addHelpText('after', example('root expire --expires "26 weeks"'))
    .action(act<ExpireFlags>(async () => (await import('./root-edits.ts')).expire));
}

function addSigning(verb: AddVerb, act: Act): void {
  verb('sign', 'Sign with the keys at hand; with enough signatures, of the old root and of the new, the root is done')
    .option('--key <keys...>', `${KEY}; "root-keys" of Infra.yaml unless told`)
    .addHelpText(
      'after',
      example(
        'root sign --key file:keys/alice.pem',
        'root sign --key "pkcs11:token=ceremony;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so"',
      ),
    )
    .action(act<SignFlags>(async () => (await import('./root-sign.ts')).sign));
  verb('export', 'Write the exact bytes that are to be signed, to sign them elsewhere')
    .requiredOption('--out <file>', 'where to')
    .addHelpText('after', example('root export --out root.bytes'))
    .action(act<ExportFlags>(async () => (await import('./root-sign.ts')).exportBytes));
  verb('import-signature', 'Take a signature that was made elsewhere')
    .requiredOption('--key-id <id>', 'whose, by the start of its id')
    .requiredOption(
      '--signature <file>',
      'its bytes, or hex: RSA-PSS with a salt of 32 bytes, DER of ECDSA, or Ed25519',
    )
    .addHelpText('after', example('root import-signature --key-id 3fa1c0 --signature root.sig'))
    .action(act<ImportFlags>(async () => (await import('./root-sign.ts')).importSignature));
}
