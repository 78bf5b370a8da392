/**
 * What GRUB 2.12 measures (its module tpm): each file that it reads into PCR 9, and each command, its variables expanded, and the kernel's
 * command line into PCR 8. Commands in its core are no part of that; the core is a program, in PCR 4.
 */
import { commandsOf, parseCommand } from './grub-script.ts';
import { measurement, type Measurement } from './pcr.ts';

export interface GrubBoot {
  /** The text of a grub.cfg whose first entry boots at once. */
  readonly config: string;
  readonly kernel: Buffer;
  /** GUID of the partition that it boots from: what its core tells grub.cfg. */
  readonly bootPartition: string;
}

export interface GrubMeasurements {
  /** Until the kernel is started. */
  readonly measurements: readonly Measurement[];
  /** What it is told, and by which name it is called. */
  readonly kernelLine: string;
}

export function grubMeasurements({ config, kernel, bootPartition }: GrubBoot): GrubMeasurements {
  const variables = new Map([['boot_uuid', bootPartition.toLowerCase()]]);
  const read = [file('grub.cfg', Buffer.from(config))];
  const entries: { readonly title: string; readonly block: string }[] = [];
  for (const text of commandsOf(config)) {
    const { words, block } = parseCommand(text, variables);
    read.push(command(words));
    const [name, value = ''] = words;
    if (name === 'set') variables.set(value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1));
    if (name === 'menuentry' && block !== undefined) entries.push({ title: value, block });
  }
  const [first] = entries;
  if (first === undefined) throw new TypeError('Expected a menu entry in grub.cfg');
  read.push(command(['setparams', first.title]));
  const lines = [...commandsOf(first.block)].map((text) => parseCommand(text, variables).words);
  const kernelLine = loaderLine(lines.find(([name]) => name === 'linux')?.slice(1) ?? []);
  for (const words of lines) {
    read.push(command(words));
    if (words[0] === 'linux') read.push(file('vmlinuz', kernel), line(`kernel_cmdline: ${kernelLine}`, kernelLine));
  }
  return { measurements: read, kernelLine };
}

function file(what: string, content: Buffer): Measurement {
  return measurement(9, 'EV_IPL', { what, content });
}

function command(words: readonly string[]): Measurement {
  return line(`grub_cmd: ${words.join(' ')}`, words.join(' '));
}

function line(what: string, text: string): Measurement {
  return measurement(8, 'EV_IPL', { what, content: Buffer.from(text) });
}

/** grub_create_loader_cmdline: words in double quotes where there is a space in them, and a backslash before what it would end. */
function loaderLine(words: readonly string[]): string {
  return words
    .map((word) => word.replaceAll(/[\\'"]/g, String.raw`\$&`))
    .map((word) => (word.includes(' ') ? `"${word}"` : word))
    .join(' ');
}
