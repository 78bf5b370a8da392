/**
 * An OVA: one tar with the descriptor first, the manifest that vouches for it and the disks, and the disks as the descriptor lists them
 * (DSP0243 1.1, section 5.3). The disks themselves are streamed: VMDK with its grains compressed.
 */
import { readFileSync } from 'node:fs';

import type { Arch } from '../config/arch.ts';
import { digestOf } from '../graph/digest.ts';
import type { Inputs, Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { renderOvf, type OvfDisk, type OvfFacts, type OvfTemplate } from './ovf.ts';

export interface OvaDisk {
  readonly task: Task;
  /** The output that is the VMDK. */
  readonly output: string;
  /** What the image lays out, and what a machine gets. */
  readonly sizeMiB: number;
  readonly publishedGiB: number;
}

export interface OvaOptions {
  readonly sandbox: Sandbox;
  /** The tool root `image`. */
  readonly tools: ToolRoot;
  readonly variant: string;
  readonly arch: Arch;
  readonly template: OvfTemplate;
  readonly facts: Pick<OvfFacts, 'name' | 'prettyName' | 'version' | 'certificates'>;
  readonly os: OvaDisk;
  readonly data: OvaDisk | undefined;
}

/** The outputs of the task. */
export const OVA = 'image.ova';
/** What a signature is over. */
export const OVA_MANIFEST = 'image.mf';

const GIB = 1024 ** 3;
const STEP = readFileSync(new URL('ova.sh', import.meta.url), 'utf8');

/** @throws BuildErrors of renderOvf, when it runs */
export function ovaTask(options: OvaOptions): Task {
  const { sandbox, tools, variant, arch, facts, os, data } = options;
  const disks = [
    { disk: os, file: `${facts.name}.vmdk` },
    ...(data === undefined ? [] : [{ disk: data, file: `${facts.name}-data.vmdk` }]),
  ];
  return actionTask({
    sandbox,
    id: `ova/${variant}.${arch}`,
    title: 'Pack the OVA',
    needs: [...tools.tasks, ...disks.map(({ disk }) => disk.task)],
    cost: { cores: 1, memoryMiB: 256 },
    action: (inputs) => {
      const descriptor = renderOvf(options.template, { ...facts, ...describeDisks(inputs, disks) });
      const files = disks.map(({ disk, file }) => ({ file, content: inputs.output(disk.task, disk.output), disk }));
      const sums = [
        { file: `${facts.name}.ovf`, hash: digestOf(descriptor).hash },
        ...files.map(({ file, content }) => ({ file, hash: content.digest.hash })),
      ];
      return {
        argv: ['bash', '-euo', 'pipefail', '/slipway/step/ova.sh'],
        env: {},
        layers: tools.layers(inputs),
        inputs: {
          '/slipway/step/ova.sh': text(STEP),
          [`/slipway/in/${facts.name}.ovf`]: text(descriptor),
          // vSphere takes no other spacing.
          [`/slipway/in/${facts.name}.mf`]: text(sums.map(({ file, hash }) => `SHA256(${file})= ${hash}\n`).join('')),
          ...Object.fromEntries(files.map(({ file, content }) => [`/slipway/in/${file}`, content])),
          '/slipway/step/order': text(
            [`${facts.name}.ovf`, `${facts.name}.mf`, ...files.map(({ file }) => file)]
              .map((file) => `${file}\n`)
              .join(''),
          ),
          '/slipway/step/sizes': text(files.map(({ file, disk }) => `${file} ${disk.sizeMiB}\n`).join('')),
        },
        outputs: { type: 'named', names: { [OVA]: 'file', [OVA_MANIFEST]: 'file' } },
      };
    },
  });
}

interface NamedDisk {
  readonly disk: OvaDisk;
  readonly file: string;
}

function describeDisks(inputs: Inputs, [os, data]: readonly NamedDisk[]): Pick<OvfFacts, 'os' | 'data'> {
  if (os === undefined) throw new TypeError('Expected an OS disk');
  return { os: describeDisk(inputs, os), data: data === undefined ? undefined : describeDisk(inputs, data) };
}

function describeDisk(inputs: Inputs, { disk, file }: NamedDisk): OvfDisk {
  const { size } = inputs.output(disk.task, disk.output).digest;
  return { file, fileBytes: size, capacityBytes: disk.publishedGiB * GIB };
}

function text(content: string) {
  return { type: 'text', text: content } as const;
}
