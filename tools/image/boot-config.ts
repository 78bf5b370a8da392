/** What GRUB and the kernel are told. */
import { BuildError } from '../errors.ts';

export interface BootConfig {
  readonly title: string;
  readonly kernelParameters: readonly string[];
  /** Whether there is a policy to enforce. */
  readonly selinux: boolean;
  /** Whether GRUB has checked this very file's signature. */
  readonly signed: boolean;
  readonly verity: VerityTable;
}

export interface VerityTable {
  readonly dataBlocks: number;
  readonly rootHash: string;
  readonly salt: string;
}

/** Stands for the root hash until the step that knows it puts it in. */
export const ROOT_HASH = '@ROOT_HASH@';

const BLOCK_BYTES = 4096;
const SECTORS_PER_BLOCK = BLOCK_BYTES / 512;

/**
 * grub.cfg of a boot partition. GRUB's core sets `boot_uuid` to that partition's GUID before it reads this, so the same file
 * serves either bank, and the root that is opened is the one beside the kernel that was loaded. A kernel that cannot be loaded ends
 * in a restart: nobody may be there to press a key, and the other bank may have its turn.
 */
export function grubConfig({ title, kernelParameters, selinux, verity, signed }: BootConfig): string {
  // From here on shim answers for what is loaded: the kernel's signature is one that firmware understands.
  return `${signed ? 'set check_signatures=no\n' : ''}set default=0
set fallback=1
set timeout=0
set dm_verity_root="${verityTable(verity)}"

menuentry ${quote(title)} --unrestricted {
  linux /vmlinuz ${kernelLine(kernelParameters, selinux)}
  boot
}

menuentry 'Restart' --unrestricted {
  echo 'This bank does not boot: restarting in 30 seconds.'
  sleep 30
  reboot
}
`;
}

/** One device for the kernel's dm-init: root and hash are the two partitions after boot. */
export function verityTable({ dataBlocks, rootHash, salt }: VerityTable): string {
  const [data, hash] = [1, 2].map((offset) => `PARTUUID=$boot_uuid/PARTNROFF=${offset}`);
  const table = [0, dataBlocks * SECTORS_PER_BLOCK, 'verity', 1, data, hash, BLOCK_BYTES, BLOCK_BYTES, dataBlocks];
  // The tree begins behind the superblock, in block 1. Blocks of zeros are not read: some volumes return noise for what was never written.
  const rest = [1, 'sha256', rootHash, salt, 2, 'restart_on_corruption', 'ignore_zero_blocks'];
  return `root,,,ro,${[...table, ...rest].join(' ')}`;
}

/** The kernel enforces whatever policy it is given; `enforcing=1` tells systemd that there has to be one. */
function kernelLine(parameters: readonly string[], selinux: boolean): string {
  return [
    ...parameters.map(word),
    'root=/dev/dm-0 rootwait ro',
    'raid=noautodetect',
    'random.trust_cpu=on',
    ...(selinux ? ['selinux=1 enforcing=1'] : []),
    'dm-mod.create="$dm_verity_root"',
    '--',
    'systemd.log_target=journal-or-kmsg systemd.log_color=0 systemd.show_status=true',
  ].join(' ');
}

/** A parameter as GRUB's script reads it back. */
function word(parameter: string): string {
  return /^[\w.,:=?@%+/-]+$/.test(parameter) ? parameter : quote(parameter);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

const TABLE =
  /^root,,,ro,0 \d+ verity 1 \S+ \S+ 4096 4096 (?<blocks>\d+) 1 sha256 (?<hash>[0-9a-f]{64}) (?<salt>[0-9a-f]{64}) /;

/**
 * What a grub.cfg of ours says: `grubConfig` of it gives the same text.
 * @throws BuildError image/other-boot-config
 */
export function parseGrubConfig(text: string): BootConfig {
  const [, title, line] = /^menuentry (.*) --unrestricted \{\n {2}linux \/vmlinuz (.*)$/m.exec(text) ?? [];
  const [, table = ''] = /^set dm_verity_root="(.*)"$/m.exec(text) ?? [];
  const { blocks, hash, salt } = TABLE.exec(table)?.groups ?? {};
  if (title === undefined || line === undefined || hash === undefined || salt === undefined) throw notOurs();
  const words = wordsOf(line);
  const end = words.indexOf('root=/dev/dm-0');
  const config = {
    title: wordsOf(title).join(' '),
    kernelParameters: words.slice(0, Math.max(end, 0)),
    selinux: words.includes('selinux=1'),
    signed: text.startsWith('set check_signatures=no\n'),
    verity: { dataBlocks: Number(blocks), rootHash: hash, salt },
  };
  // Whatever else somebody wrote into it would be lost.
  if (grubConfig(config) !== text) throw notOurs();
  return config;
}

/** Words as `quote` writes them: bare, or in single quotes with `'\''` for one inside. */
function wordsOf(line: string): string[] {
  return (line.match(/(?:[^\s'\\]|'[^']*'|\\.)+/g) ?? []).map((found) =>
    found.replaceAll(
      /'([^']*)'|\\(.)/g,
      (_, quoted: string | undefined, escaped: string | undefined) => quoted ?? escaped ?? '',
    ),
  );
}

function notOurs(): BuildError {
  return new BuildError(
    'image/other-boot-config',
    'Cannot read grub.cfg of the image: expected one that a build of this version writes, and nothing else in it',
    { hint: 'Take the release of this program that built the image, or build the image anew' },
  );
}
