/**
 * A signed OVA: beside the manifest, which vouches for all files, a `.cert` that vouches for the manifest (DSP0243 1.1, section 5.1):
 *
 *     SHA256(<name>.mf)= <RSA signature with PKCS #1 1.5 over the manifest, in hex>
 *     -----BEGIN CERTIFICATE----- ...
 *
 * The key signs outside of the graph; a task sees the finished text.
 */
import { readFileSync } from 'node:fs';

import type { Task } from '../graph/task.ts';
import { actionTask } from '../sandbox/action-task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ToolRoot } from '../sdk/tool-root.ts';
import { OVA } from './ova.ts';

export interface Manifest {
  /** `<name>.mf` */
  readonly name: string;
  readonly content: Uint8Array;
}

export interface OvaSigner {
  /** A manifest's `.cert`. */
  readonly certify: (manifest: Manifest) => string;
}

/** `chain`: the signer's certificate in PEM, and behind that those of who vouches for it. */
export function certificateText({ name }: Manifest, signature: Uint8Array, chain: string): string {
  return `SHA256(${name})= ${Buffer.from(signature).toString('hex')}\n${chain.trim()}\n`;
}

export interface SignedOvaOptions {
  readonly sandbox: Sandbox;
  /** The tool root `image`. */
  readonly tools: ToolRoot;
  /** What ovaTask made, and the text of its `.cert`. */
  readonly ova: Task;
  readonly certificate: string;
}

const STEP = readFileSync(new URL('sign-ova.sh', import.meta.url), 'utf8');

export function signedOvaTask({ sandbox, tools, ova, certificate }: SignedOvaOptions): Task {
  return actionTask({
    sandbox,
    id: `signed-${ova.id}`,
    title: 'Add the signature to the OVA',
    needs: [...tools.tasks, ova],
    cost: { cores: 1, memoryMiB: 256 },
    action: (inputs) => ({
      argv: ['bash', '-euo', 'pipefail', '/slipway/step/sign-ova.sh'],
      env: {},
      layers: tools.layers(inputs),
      inputs: {
        '/slipway/step/sign-ova.sh': { type: 'text', text: STEP },
        '/slipway/in/ova': inputs.output(ova, OVA),
        '/slipway/in/cert': { type: 'text', text: certificate },
      },
      outputs: { type: 'named', names: { [OVA]: 'file' } },
    }),
  });
}
